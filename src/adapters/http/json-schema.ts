/** What schemas are made of. */
export type JsonSchema = Readonly<Record<string, unknown>>

/** An object with these fields and no others; `optional` may be absent. */
export function object(required: JsonSchema, optional: JsonSchema = {}): JsonSchema {
  return {
    type: 'object',
    properties: { ...required, ...optional },
    required: Object.keys(required),
    additionalProperties: false,
  }
}
