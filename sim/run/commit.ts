/** The commit whose code runs: without it a seed means nothing to whoever reads a failure later. */
import { spawnSync } from 'node:child_process'
import { projectFolder } from './root.ts'

/** `abc123…`, `abc123… modified`, or `unknown` where there is no repository or no git. */
export function commit(folder: string = projectFolder()): string {
  const head = git(folder, 'rev-parse', 'HEAD')
  if (head === undefined) return 'unknown'
  const changes = git(folder, 'status', '--porcelain', '--untracked-files=no')
  return changes === undefined || changes === '' ? head : `${head} modified`
}

function git(folder: string, ...args: readonly string[]): string | undefined {
  const { status, stdout } = spawnSync('git', ['--no-optional-locks', ...args], {
    cwd: folder,
    encoding: 'utf8',
  })
  return status === 0 ? stdout.trim() : undefined
}
