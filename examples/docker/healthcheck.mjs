// Ends with 0 while the process of this container's node turns. Whether it is ready is another
// question, which `/readyz` answers to whoever sends it requests.
import { request as http } from 'node:http'
import { request as https } from 'node:https'

const { DND_ADDRESS: host = '127.0.0.1', DND_SERVER_PORT: port = '6001' } = process.env
const isSecure = process.env.DND_HTTP_CERT !== undefined
// Nothing secret is asked for, and the name in the certificate is for those who ask from outside.
const options = { host, port, path: '/livez', timeout: 3_000, rejectUnauthorized: false }
const asked = (isSecure ? https : http)(options, ({ statusCode }) => {
  process.exit(statusCode === 200 ? 0 : 1)
})
asked.on('timeout', () => asked.destroy(new Error('no answer within 3 s')))
asked.on('error', ({ message }) => {
  console.error(message)
  process.exit(1)
})
asked.end()
