/** The configured buckets, and the one whose properties are being changed. */
import type { BucketsJson } from '../../client/src/api.ts'
import * as api from './api.ts'
import { messageOf } from './api.ts'
import { checkForm, formOf } from './model/bucket-form.ts'
import type { BucketForm } from './model/bucket-form.ts'

export class Buckets {
  list: BucketsJson | undefined
  problem: string | undefined
  form: BucketForm | undefined
  /** Whether the form is of a bucket that is not configured yet. */
  isNew = false
  formProblem: string | undefined
  isBusy = false
  /** Said once a change is in force. */
  done: string | undefined
  readonly #changed: () => void

  constructor(changed: () => void) {
    this.#changed = changed
  }

  async refresh(): Promise<void> {
    try {
      this.list = await api.buckets()
      this.problem = undefined
    } catch (error) {
      this.problem = messageOf(error)
    }
    this.#changed()
  }

  /** `name`: of a configured one; undefined: a new one. */
  edit(name: string | undefined): void {
    const bucket = this.list?.buckets.find((each) => each.name === name)
    const properties = bucket?.properties ?? this.list?.defaults
    if (properties === undefined) return
    this.isNew = bucket === undefined
    this.form = formOf(name ?? '', properties)
    this.formProblem = undefined
    this.done = undefined
    this.#changed()
  }

  change(form: Partial<BucketForm> | undefined): void {
    this.form =
      form === undefined || this.form === undefined ? undefined : { ...this.form, ...form }
    this.#changed()
  }

  async save(replicas: number): Promise<void> {
    const { form } = this
    const properties = form === undefined ? undefined : checkForm(form, replicas).properties
    if (form === undefined || properties === undefined) return
    await this.#do(form.name, async () => {
      const { pending = [] } = await api.configureBucket(form.name, properties)
      return pending.length
    })
  }

  /** Gives it the defaults again. */
  async reset(): Promise<void> {
    const { form } = this
    if (form === undefined) return
    await this.#do(form.name, async () => (await api.resetBucket(form.name)).pending?.length ?? 0)
  }

  async #do(name: string, work: () => Promise<number>): Promise<void> {
    if (this.isBusy) return
    this.isBusy = true
    this.formProblem = undefined
    this.#changed()
    try {
      const pending = await work()
      this.form = undefined
      this.done =
        pending === 0
          ? `${name}: in force on all nodes that are up.`
          : `${name}: in force; ${pending} of the nodes have not confirmed yet.`
    } catch (error) {
      this.formProblem = messageOf(error)
    }
    this.isBusy = false
    await this.refresh()
  }
}
