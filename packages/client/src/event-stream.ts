/**
 * Server-sent events, as nodes write them: fields on lines of their own, an empty line behind each
 * event, comments after a colon (HTML standard, section 9.2). An event without data moves the place
 * from which to go on and says nothing else.
 */
import { DndClientError } from './error.ts'

export interface ServerEvent {
  readonly event: string | undefined
  readonly id: string | undefined
  /** Empty when there is none. */
  readonly data: string
}

/** One event is the siblings of a key, in base64 and JSON. */
const EVENT_CHARS_MAX = 96 * 1024 * 1024
const EVENT_END = '\n\n'

/** @throws DndClientError when it is no stream of events; what `chunks` throws */
export async function* eventsOf(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<ServerEvent, void, undefined> {
  const decoder = new TextDecoder()
  // Bounded by: EVENT_CHARS_MAX.
  let rest = ''
  for await (const chunk of chunks) {
    // An end may be split between two chunks.
    let from = Math.max(0, rest.length - 1)
    rest += decoder.decode(chunk, { stream: true })
    let begin = 0
    for (;;) {
      const end = rest.indexOf(EVENT_END, from)
      if (end === -1) break
      const event = parseEvent(rest.slice(begin, end))
      if (event !== undefined) yield event
      begin = end + EVENT_END.length
      from = begin
    }
    rest = rest.slice(begin)
    if (rest.length > EVENT_CHARS_MAX)
      throw new DndClientError({
        code: 'DND_ERR_BAD_RESPONSE',
        message: `an event has more than ${EVENT_CHARS_MAX} characters: is it a node of dnd?`,
        outcome: 'rejected',
      })
  }
}

/** undefined: nothing but comments. */
function parseEvent(text: string): ServerEvent | undefined {
  const fields = new Map<string, string>()
  for (const line of text.split('\n')) {
    const colon = line.indexOf(': ')
    if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 2))
  }
  if (fields.size === 0) return undefined
  return { event: fields.get('event'), id: fields.get('id'), data: fields.get('data') ?? '' }
}
