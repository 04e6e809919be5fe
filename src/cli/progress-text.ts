/** How far a node is with pulling what a layout has given it, as the end of a line. */
import type { TransferProgressJson } from '../../packages/client/src/transfer-api.ts'
import { bytesText, timeText } from './units.ts'

export function progressText(progress: TransferProgressJson): string {
  const { read, expected, bytesPerSecond, secondsLeft } = progress
  const whole = expected === undefined ? '' : ` of about ${bytesText(expected.bytes)}`
  const rate = bytesPerSecond === undefined ? '' : `, ${bytesText(bytesPerSecond)}/s`
  const left = secondsLeft === undefined ? '' : `, about ${timeText(secondsLeft)} left`
  return `${bytesText(read.bytes)}${whole} read from the old owners${rate}${left}`
}
