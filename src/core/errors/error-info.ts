/** What the table of errors says about one code. */

/** 0 is done; 3 is kept for outcomes that nobody knows (`exitCode`). */
export type ExitCode = 1 | 2 | 3

export interface ErrorInfo {
  /** HTTP status; undefined for what is never told over HTTP. */
  readonly status: number | undefined
  readonly exit: ExitCode
  /** What happened, without the particulars. */
  readonly title: string
  /** What to do about it. */
  readonly help: string
}

export function row(
  status: number | undefined,
  exit: ExitCode,
  title: string,
  help: string,
): ErrorInfo {
  return { status, exit, title, help }
}
