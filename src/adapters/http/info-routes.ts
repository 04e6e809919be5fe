/**
 * What a node says of itself besides data: counters, the description of this API, and a page for
 * whoever opens the address in a browser.
 */
import type { NodeView } from '../../core/node/view.ts'
import { DndError } from '../../core/errors.ts'
import { formatAddress } from '../../core/std/ids.ts'
import type { Exchange } from './exchange.ts'
import type { Site } from './site.ts'

export function onMetrics(exchange: Exchange): void {
  const { metrics, log } = exchange.site
  metrics.render().then(
    (text) => exchange.text(200, metrics.contentType, text),
    (error: unknown) => {
      log.error('the metrics could not be collected', { error })
      exchange.fail(new DndError('DND_ERR_INTERNAL', 'the metrics could not be collected'))
    },
  )
}

export function onOpenapi(exchange: Exchange): void {
  exchange.respond(200, ['content-type', 'application/json'], exchange.site.openapi())
}

export function onWelcome(exchange: Exchange): void {
  const { site, headers } = exchange
  const view = site.gateway.view()
  if (/\btext\/html\b/.test(headers.accept))
    return exchange.respond(
      200,
      [
        'content-type',
        'text/html; charset=utf-8',
        'content-security-policy',
        "default-src 'none'; style-src 'unsafe-inline'",
        'vary',
        'accept',
      ],
      Buffer.from(welcomeHtml(site, view)),
    )
  exchange.respond(
    200,
    ['content-type', 'text/plain; charset=utf-8', 'vary', 'accept'],
    Buffer.from(welcomeText(site, view)),
  )
}

const PLACES: readonly (readonly [path: string, what: string])[] = [
  ['/cluster', 'the members of the cluster'],
  ['/layout', 'who holds which partition'],
  ['/buckets', 'configured buckets'],
  ['/buckets/default/keys', 'keys of the default bucket'],
  ['/health', 'whether every key can be read'],
  ['/metrics', 'counters for Prometheus'],
  ['/openapi.json', 'every route, parameter and answer'],
]

function welcomeText(site: Site, view: NodeView): string {
  const { info } = view.self
  const base = `http://${formatAddress(info.httpAddress)}`
  return `dnd ${site.version}: node ${info.name} of cluster ${view.cluster}
${countMembers(view)}
${warning(view)}
store   curl -X PUT ${base}/kv/hello -d world
read    curl ${base}/kv/hello
delete  curl -X DELETE ${base}/kv/hello

${PLACES.map(([path, what]) => `${path.padEnd(24)}${what}`).join('\n')}
`
}

function welcomeHtml(site: Site, view: NodeView): string {
  const { info } = view.self
  const base = `http://${formatAddress(info.httpAddress)}`
  const rows = PLACES.map(
    ([path, what]) => `<tr><td><a href="${path}">${path}</a><td>${escapeHtml(what)}`,
  ).join('\n')
  const members = view.members
    .map(
      (member) =>
        `<tr><td>${escapeHtml(member.info.name)}<td>${member.state}<td>${escapeHtml(formatAddress(member.info.httpAddress))}<td>${escapeHtml(member.info.zone)}<td>${escapeHtml(member.info.version)}`,
    )
    .join('\n')
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escapeHtml(info.name)} · dnd</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 48rem; margin: 2rem auto; padding: 0 1rem; color: #222; background: #fff }
pre { background: #f4f4f2; padding: 1rem; overflow-x: auto }
.warning { border-left: 4px solid #c33; padding-left: 1rem }
td, th { padding: .1rem 1rem .1rem 0; text-align: left }
@media (prefers-color-scheme: dark) { body { color: #ddd; background: #181818 } pre { background: #262626 } a { color: #8bf } }
</style>
<h1>${escapeHtml(info.name)}</h1>
<p>A node of <b>dnd</b> ${escapeHtml(site.version)}, the key-value store that is definitely not Dynamo.
Cluster <code>${view.cluster}</code>, ${countMembers(view)}.
${warning(view) === '' ? '' : `<p class="warning">${escapeHtml(warning(view))}`}
<pre>curl -X PUT ${escapeHtml(base)}/kv/hello -d world
curl ${escapeHtml(base)}/kv/hello
curl -X DELETE ${escapeHtml(base)}/kv/hello</pre>
<table>
<tr><th>member<th>state<th>HTTP<th>zone<th>version
${members}
</table>
<h2>Where to go</h2>
<table>
${rows}
</table>
</html>
`
}

/** What somebody should know at once; empty when all is well. Ends with a line break. */
function warning({ clonedBy, self }: NodeView): string {
  if (clonedBy !== undefined)
    return `Another process with the identity of this node listens on ${formatAddress(clonedBy)}: both refuse all writes. Stop one of the two and restart the other.\n`
  if (self.degraded === true)
    return 'This node is slow or badly connected: the others ask it last.\n'
  return ''
}

function countMembers(view: NodeView): string {
  const members = view.members.filter((member) => member.state !== 'left')
  const alive = members.filter((member) => member.state === 'alive').length
  return `${alive} of ${members.length} members alive`
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}
