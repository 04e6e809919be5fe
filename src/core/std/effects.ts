/**
 * Where a machine puts what it asks for. An accumulator handed in, rather than a returned list, so
 * that an early return cannot lose an effect and a step allocates nothing when it has none. Effects
 * are executed in the order pushed.
 */
export interface Effects<E> {
  push(effect: E): unknown
}
