/** What only the command line meets; never told over HTTP. */
import { row } from './error-info.ts'
import type { ErrorInfo } from './error-info.ts'

export type CommandErrorCode =
  | 'DND_ERR_USAGE'
  | 'DND_ERR_UNREACHABLE'
  | 'DND_ERR_CONNECTION_LOST'
  | 'DND_ERR_BAD_RESPONSE'
  | 'DND_ERR_BAD_FILE'
  | 'DND_ERR_IMPORT_INCOMPLETE'
  | 'DND_ERR_INTERRUPTED'

/** Bounded by: the codes above. */
export const COMMAND_ERRORS: Readonly<Record<CommandErrorCode, ErrorInfo>> = {
  DND_ERR_USAGE: row(
    undefined,
    2,
    'The command was used wrongly',
    'See its help: dnd COMMAND --help.',
  ),
  DND_ERR_UNREACHABLE: row(
    undefined,
    1,
    'No node answers at the address',
    'Check that the node runs and the address: --server or DND_SERVER for commands, HOST:PORT of the cluster port for join.',
  ),
  DND_ERR_CONNECTION_LOST: row(
    undefined,
    1,
    'The connection broke before the node had answered',
    'A write whose outcome is unknown may be stored: read the key before writing again.',
  ),
  DND_ERR_BAD_RESPONSE: row(
    undefined,
    1,
    'What answers at the address is not a dnd node',
    'Check the address: commands talk to the HTTP port (6001 by default), join to the cluster port (5001).',
  ),
  DND_ERR_BAD_FILE: row(
    undefined,
    2,
    'The file cannot be read, written or understood',
    'The detail names the file and the place in it.',
  ),
  DND_ERR_IMPORT_INCOMPLETE: row(
    undefined,
    1,
    'Some records of the import were refused or failed',
    'The summary lists them; run the same command again to resume.',
  ),
  DND_ERR_INTERRUPTED: row(
    undefined,
    1,
    'The command was interrupted',
    'Run it again; import goes on where it stopped.',
  ),
}
