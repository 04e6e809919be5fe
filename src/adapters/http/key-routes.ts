/**
 * `/keys`: the cluster's keys. Ids are shown, secrets never; a key that comes in a body is repeated
 * in no answer and in no log.
 *
 * Who may change keys may let himself into the cluster, or lock its nodes out, and a key is not to
 * be sent where it can be overheard; so that is done for programs on the node's own machine
 * (`local-only.ts`), and for admins who come over HTTPS.
 */
import { pipe, regex, strictObject, string } from 'valibot'
import { DndError } from '../../core/errors.ts'
import type { KeyId } from '../../core/node/cluster-key.ts'
import { keyId } from '../../core/node/cluster-key.ts'
import { parseSecret } from '../../core/node/cluster-key-text.ts'
import type { KeysAsk, KeysResult, MemberKeys } from '../../core/node/key-asks.ts'
import type { NodeView } from '../../core/node/view.ts'
import { assert } from '../../core/std/assert.ts'
import type { Exchange } from './exchange.ts'
import { mustBeLocal } from './local-only.ts'
import { badJson, parseJson, shaped } from './json-body.ts'

const BODY_BYTES_MAX = 1024

const ID_RULE = 'it must be the id of a key, 8 hexadecimal digits'
const USED = strictObject({ id: pipe(string(ID_RULE), regex(/^[0-9a-f]{8}$/, ID_RULE)) })
const INSTALLED = strictObject({ key: string() })

export interface ClusterKeysJson {
  /** Of the answering node: what it seals with. */
  readonly primary: string
  /** All that any member has told of, in order of id. */
  readonly keys: readonly ClusterKeyJson[]
  /** All who are up or hold data, in order of id. */
  readonly members: readonly MemberKeysJson[]
}

export interface ClusterKeyJson {
  readonly id: string
  readonly primary: boolean
  /** Node ids of the members that have it. */
  readonly members: readonly string[]
}

export interface MemberKeysJson {
  readonly id: string
  readonly name: string
  /** Ids of its keys; absent when it did not answer. */
  readonly keys?: readonly string[]
  /** What it seals with; absent when it did not answer or has no key. */
  readonly primary?: string
}

export interface KeyChangeJson {
  /** The key that the change was about. */
  readonly id: string
  /** Of the answering node, after the change. */
  readonly primary: string
  readonly keys: readonly string[]
  /** Node ids of the members that are up and have not confirmed it yet. */
  readonly pending: readonly string[]
}

export function onKeys(exchange: Exchange): void {
  ask(exchange, { what: 'list' })
}

export function onInstallKey(exchange: Exchange): void {
  mustBeAllowed(exchange)
  exchange.readBody(BODY_BYTES_MAX, 'DND_ERR_BODY_TOO_LARGE', install)
}

export function onUseKey(exchange: Exchange): void {
  mustBeAllowed(exchange)
  exchange.readBody(BODY_BYTES_MAX, 'DND_ERR_BODY_TOO_LARGE', use)
}

export function onRemoveKey(exchange: Exchange): void {
  mustBeAllowed(exchange)
  const id = keyId(Buffer.from(exchange.key).toString('latin1'))
  if (id === undefined)
    throw new DndError('DND_ERR_BAD_CLUSTER_KEY', 'the id of a key has 8 hexadecimal digits')
  ask(exchange, { what: 'remove', id, force: exchange.query.force ?? false })
}

function install(exchange: Exchange, body: Uint8Array): void {
  const parsed = parseSecret(keyIn(body))
  if (!parsed.ok)
    throw new DndError('DND_ERR_BAD_CLUSTER_KEY', `the text is no key: ${parsed.problem}`)
  ask(exchange, { what: 'install', secret: parsed.secret })
}

/** What is wrong with the body is told without a word of it: most of a key may be in there. */
function keyIn(body: Uint8Array): string {
  try {
    return shaped(INSTALLED, parseJson(body), 'the body').key
  } catch (error) {
    if (!(error instanceof DndError)) throw error
    throw badJson('the body must be a JSON object with the text of a key as "key", and no more')
  }
}

function use(exchange: Exchange, body: Uint8Array): void {
  const { id } = shaped(USED, parseJson(body), 'the body')
  ask(exchange, { what: 'use', id: id as KeyId })
}

function ask(exchange: Exchange, wish: KeysAsk): void {
  exchange.site.gateway.submit({ type: 'cluster-keys', ask: wish }, (reply) => {
    assert(reply.type === 'cluster-keys', `a question about keys was answered by ${reply.type}`)
    answer(exchange, reply.result)
  })
}

function answer(exchange: Exchange, result: KeysResult): void {
  if (!result.ok) return exchange.failure(result)
  if (result.what === 'list')
    return exchange.json(200, keysJson(result.members, exchange.site.gateway.view()))
  const { id, report, pending } = result
  const change: KeyChangeJson = {
    ...{ id, primary: report.primary ?? '', keys: report.keys, pending },
  }
  exchange.json(200, change)
}

function keysJson(members: readonly MemberKeys[], view: NodeView): ClusterKeysJson {
  const own = members.find(({ node }) => node === view.self.info.id)?.report
  const ids = new Set(members.flatMap(({ report }) => report?.keys ?? []))
  return {
    primary: own?.primary ?? '',
    keys: [...ids].sort().map((id) => ({
      id,
      primary: id === own?.primary,
      members: members.filter(({ report }) => report?.keys.includes(id)).map(({ node }) => node),
    })),
    members: members.map((member) => memberJson(member, view)),
  }
}

function memberJson({ node, report }: MemberKeys, { members }: NodeView): MemberKeysJson {
  const name = members.find(({ info }) => info.id === node)?.info.name ?? node
  if (report === undefined) return { id: node, name }
  const { keys, primary } = report
  return { id: node, name, keys, ...(primary === undefined ? {} : { primary }) }
}

/** Who is known to be an admin may do it from elsewhere, where nobody overhears the key. */
function mustBeAllowed(exchange: Exchange): void {
  if (exchange.caller !== undefined && 'encrypted' in exchange.request.socket) return
  mustBeLocal(exchange, 'keys are changed', 'keys are not changed by pages in a browser')
}
