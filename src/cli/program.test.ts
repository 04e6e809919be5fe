import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Command } from 'commander'
import type { CliContext } from './context.ts'
import { runCli } from '../../test/support/run-cli.ts'
import { createProgram } from './program.ts'
import { Terminal } from './terminal.ts'

const context = {
  out: new Terminal(process.stdout, {}),
  err: new Terminal(process.stderr, {}),
  env: {},
} as unknown as CliContext

interface Named {
  readonly path: string
  readonly command: Command
}

function commandsOf(command: Command, path: string): Named[] {
  return command.commands.flatMap((child) => {
    const name = `${path} ${child.name()}`
    return child.commands.length > 0 ? commandsOf(child, name) : [{ path: name, command: child }]
  })
}

const commands = commandsOf(createProgram(context), 'dnd')

describe('wrong use', () => {
  const cases: readonly (readonly [args: string[], message: RegExp])[] = [
    [['statsu'], /unknown command 'statsu'\n.*Did you mean status\?/],
    [['frobnicate'], /unknown command 'frobnicate'\n +See dnd --help\./],
    [['help', 'frobnicate'], /unknown command 'frobnicate'\n +See dnd --help\./],
    [['help', 'statsu'], /unknown command 'statsu'\n +Did you mean status\?/],
    [['bucket', 'set', 'b', '--n', '9'], /whole number from 1 to 7\.\n +See dnd bucket set --help/],
    [['get', 'k', '--buket', 'b'], /unknown option '--buket'\n.*Did you mean --bucket\?/],
    [['start', '--prot', '1'], /unknown option '--prot'\n.*Did you mean --port\?/],
    [['get'], /missing required argument 'key'\n.*See dnd get --help/],
    [['get', 'a', 'b'], /too many arguments/],
    [['put', 'k'], /missing required argument 'value'/],
    [
      ['put', 'k', 'v', '--w', '0'],
      /'--w <n>' argument '0' is invalid\. It must be a whole number from 1 to 7/,
    ],
    [['put', 'k', 'v', '--w', '1.5'], /whole number/],
    [['put', 'k', 'v', '--meta', 'nothing'], /--meta takes NAME=TEXT/],
    [['list', '--limit', 'many'], /whole number/],
    [['import', 'x.txt'], /does not end in \.json, \.ndjson/],
    [['import', '-'], /standard input has no name/],
    [['import', 'x.csv', '--format', 'xml'], /Allowed choices are json, ndjson, csv/],
    [
      ['start', '--port', '70000'],
      /port \(from --port\): 70000 is not a whole number from 0 to 65535/,
    ],
    [['join'], /dnd join HOST:PORT/],
    [['join', 'nowhere:99999999'], /seeds \(from the command line\)/],
    [['join', 'a:1', '--partitions', '8'], /unknown option '--partitions'/],
    [['demo', '--nodes', '0'], /whole number from 1 to 16/],
    [['demo', '--port', '7001', '--server-port', '7002'], /overlap/],
  ]
  for (const [args, message] of cases)
    test(`dnd ${args.join(' ')} is told what is wrong, and exits with 2`, async () => {
      const { code, out, err } = await runCli(args)
      assert.equal(code, 2)
      assert.equal(out, '')
      assert.match(err, message)
      assert.match(err, /^dnd: /)
      assert.doesNotMatch(err, /\n {4}at /)
    })

  test('with --json it is told as JSON', async () => {
    const { code, err } = await runCli(['get', '--json'])
    assert.equal(code, 2)
    assert.deepEqual((JSON.parse(err) as { error: { code: string } }).error.code, 'DND_ERR_USAGE')
  })

  test('all mistakes of a configuration are told at once', async () => {
    const { err } = await runCli(['start', '--port', 'x', '--weight', '0'])
    assert.match(err, /port \(from --port\).*\n {5}weight \(from --weight\)/)
  })
})

describe('help', () => {
  test('without a command the overview is shown', async () => {
    const { code, out } = await runCli([])
    assert.equal(code, 0)
    assert.match(out, /Start here:\n {2}dnd demo/)
    assert.match(out, /Exit codes: 0 done, 1 failed, 2 wrong use, 3 outcome unknown/)
    for (const { path } of commands) assert.ok(out.includes(` ${path.split(' ')[1]}`), path)
  })

  test('every command has --help, --json and examples', async () => {
    for (const { path, command } of commands) {
      const args = path.split(' ').slice(1)
      const { code, out } = await runCli([...args, '--help'])
      assert.equal(code, 0, path)
      assert.match(out, new RegExp(`^Usage: ${path}(\\|[a-z]+)? `), path)
      assert.ok(
        command.options.some((option) => option.long === '--json'),
        `${path} has no --json`,
      )
      const group = command.parent
      const helps = [out, (await runCli([group?.name() ?? '', '--help'])).out]
      if (path !== 'dnd version')
        assert.ok(
          helps.some((text) => text.includes('Examples:')),
          path,
        )
    }
  })

  test('help COMMAND is the same as COMMAND --help', async () => {
    assert.equal((await runCli(['help', 'put'])).out, (await runCli(['put', '--help'])).out)
  })
})
