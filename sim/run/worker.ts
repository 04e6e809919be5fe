/** The thread's end of the pool: one job at a time, from its arrival to its result. */
import { parentPort } from 'node:worker_threads'
import type { Job } from './job.ts'
import { runJob } from './run-job.ts'

const port = parentPort
if (port === null) throw new Error('this is the entry of a worker thread')
port.on('message', (job: Job) => port.postMessage(runJob(job)))
