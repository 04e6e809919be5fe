/** What a node tells of how much it holds, and of how far it is with pulling more. */

export interface TransfersJson {
  /** Partitions that it still has to pull. */
  readonly pending: number
  /** Records that were new since the layout changed. */
  readonly records: number
  /** Absent when nothing is pulled. */
  readonly progress?: TransferProgressJson
}

/** How far a node is with pulling what the layout gave it. */
export interface TransferProgressJson {
  /** To be pulled, and here. */
  readonly partitions: number
  readonly done: number
  /** From all sources; each partition is read from several. */
  readonly read: { readonly records: number; readonly bytes: number }
  /** About what that will be in the end, by the word of the sources; absent: none has said. */
  readonly expected?: { readonly records: number; readonly bytes: number }
  /** Absent: too little was read to tell. */
  readonly bytesPerSecond?: number
  readonly secondsLeft?: number
}

/** About as much, in the partitions that the node has counted. */
export interface StoredJson {
  readonly partitions: number
  readonly records: number
  readonly bytes: number
}
