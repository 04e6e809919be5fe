/** What the examples for containers name is there: files, commands, settings, routes and ports. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { once } from 'node:events'
import { spawn } from 'node:child_process'
import { test } from 'node:test'
import { parse, parseAllDocuments } from 'yaml'
import { commandsOf } from '../scripts/docs/cli.ts'
import { CONFIG_FIELDS, environmentOf } from '../src/server/config-fields.ts'

const VARIABLES = new Set(CONFIG_FIELDS.map(({ field }) => environmentOf(field)))
const COMMANDS = new Set(commandsOf().map(({ path }) => path))
const DRAINED_WITHIN_S = 25
const ROUTES = ['/livez', '/readyz']

function portOf(field: 'port' | 'serverPort'): unknown {
  return CONFIG_FIELDS.find((one) => one.field === field)!.fallback
}

interface Manifest {
  readonly kind: string
  readonly metadata: { readonly name: string }
  // oxlint-disable-next-line typescript/no-explicit-any -- of another shape for each kind
  readonly spec: any
}

function manifests(): readonly Manifest[] {
  const text = readFileSync('examples/kubernetes/dnd.yaml', 'utf8')
  return parseAllDocuments(text).map((document) => {
    assert.deepEqual(document.errors, [])
    return document.toJS() as Manifest
  })
}

function manifest(kind: string, name = 'dnd'): Manifest {
  const found = manifests().find((one) => one.kind === kind && one.metadata.name === name)
  assert.ok(found, `${kind} ${name}`)
  return found
}

test('the manifests hold together: probes, ports, names and time to drain', () => {
  const { spec } = manifest('StatefulSet')
  assert.equal(spec.serviceName, 'dnd-nodes')
  const pod = spec.template.spec
  assert.ok(pod.terminationGracePeriodSeconds > DRAINED_WITHIN_S)
  const [container] = pod.containers
  const ports = new Map(
    container.ports.map((port: { name: string; containerPort: number }) => [
      port.name,
      port.containerPort,
    ]),
  )
  assert.deepEqual(Object.fromEntries(ports), {
    'cluster-tcp': portOf('port'),
    'cluster-udp': portOf('port'),
    https: portOf('serverPort'),
  })
  for (const probe of ['startupProbe', 'livenessProbe', 'readinessProbe']) {
    const { path, port, scheme } = container[probe].httpGet
    assert.ok(ROUTES.includes(path) && ports.has(port) && scheme === 'HTTPS', probe)
  }
  assert.equal(container.readinessProbe.httpGet.path, '/readyz')
  assert.equal(container.livenessProbe.httpGet.path, '/livez')
  assert.equal(pod.securityContext.runAsNonRoot, true)
  const mounted = container.volumeMounts.map(({ name }: { name: string }) => name)
  const volumes = [
    ...pod.volumes,
    ...spec.volumeClaimTemplates.map((one: Manifest) => one.metadata),
  ]
  assert.deepEqual([...mounted].sort(), volumes.map(({ name }) => name).sort())
})

test('services and the budget mean the pods of the set', () => {
  const { labels } = manifest('StatefulSet').spec.template.metadata
  const headless = manifest('Service', 'dnd-nodes').spec
  assert.equal(headless.clusterIP, 'None')
  assert.equal(headless.publishNotReadyAddresses, true)
  assert.deepEqual(headless.selector, labels)
  assert.deepEqual(manifest('Service').spec.selector, labels)
  assert.deepEqual(manifest('PodDisruptionBudget').spec.selector.matchLabels, labels)
  assert.equal(manifest('PodDisruptionBudget').spec.maxUnavailable, 1)
})

test('the variables and commands of the manifests and of compose are dnd’s', () => {
  const [container] = manifest('StatefulSet').spec.template.spec.containers
  const given: readonly string[] = container.env.map(({ name }: { name: string }) => name)
  const compose = parse(readFileSync('examples/docker/compose.yml', 'utf8'), { merge: true })
  const services = Object.values<{ environment: object; command: string[] }>(compose.services)
  const names = [...given, ...services.flatMap(({ environment }) => Object.keys(environment))]
  for (const name of names.filter((each) => each.startsWith('DND_')))
    assert.ok(VARIABLES.has(name), name)
  const [script] = container.args as string[]
  const commands = [...script!.matchAll(/exec (dnd \w+)/g)].map(([, command]) => command!)
  for (const { command } of services) commands.push(`dnd ${command[0]}`)
  assert.deepEqual(new Set(commands), new Set(['dnd start', 'dnd join']))
  for (const command of commands) assert.ok(COMMANDS.has(command), command)
  for (const { stop_grace_period: grace } of Object.values<{ stop_grace_period: string }>(
    compose.services,
  ))
    assert.ok(Number.parseInt(grace, 10) > DRAINED_WITHIN_S)
})

test('the image is made of what is there, and runs as nobody in particular', () => {
  const text = readFileSync('examples/docker/Dockerfile', 'utf8').replaceAll('\\\n', ' ')
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  for (const line of lines)
    assert.match(
      line,
      /^(?:FROM|WORKDIR|COPY|RUN|ENV|USER|VOLUME|EXPOSE|STOPSIGNAL|HEALTHCHECK|ENTRYPOINT|CMD) /,
    )
  const final = lines.slice(lines.findLastIndex((line) => line.startsWith('FROM ')))
  assert.ok(final.includes('USER node') && final.includes('STOPSIGNAL SIGTERM'))
  assert.ok(
    final.includes(
      `EXPOSE ${portOf('port')}/tcp ${portOf('port')}/udp ${portOf('serverPort')}/tcp`,
    ),
  )
  for (const line of lines.filter((each) => each.startsWith('COPY '))) {
    const sources = line
      .split(' ')
      .slice(1, -1)
      .filter((word) => !word.startsWith('--'))
    for (const source of sources)
      assert.ok(existsSync(source.replace(/^\/app\//, '')), `${line}: no ${source}`)
  }
  for (const name of text.match(/\bDND_[A-Z_]+/g) ?? []) assert.ok(VARIABLES.has(name), name)
})

test('the health check says whether the node turns', async (t) => {
  let status = 200
  const server = createServer((request, response) => {
    response.statusCode = request.url === '/livez' ? status : 404
    response.end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const { port } = server.address() as AddressInfo
  const check = async (at: number): Promise<number> => {
    const env = { ...process.env, DND_SERVER_PORT: String(at) }
    const child = spawn(process.execPath, ['examples/docker/healthcheck.mjs'], {
      env,
      stdio: 'ignore',
    })
    const [code] = (await once(child, 'exit')) as [number]
    return code
  }
  assert.equal(await check(port), 0)
  status = 500
  assert.equal(await check(port), 1)
  assert.equal(await check(1), 1)
})
