/** Histories of one register whose verdict is known, drawn as `timeline.ts` says. */

export interface DrawnHistory {
  readonly about: string
  readonly rows: readonly string[]
}

export const GOOD: readonly DrawnHistory[] = [
  { about: 'a read of nothing before any write', rows: ['[r_]'] },
  { about: 'a write alone', rows: ['[w1]'] },
  { about: 'a write, then a read of it', rows: ['[w1] [r1]'] },
  { about: 'a read of nothing, then a write', rows: ['[r_] [w1]'] },
  { about: 'two writes, then the later one', rows: ['[w1] [w2] [r2]'] },
  { about: 'a delete, then nothing', rows: ['[w1] [w_] [r_]'] },
  { about: 'a read during a write that shows it', rows: ['[w1      ]', '   [r1] '] },
  { about: 'a read during a write that does not', rows: ['[w1      ]', '   [r_] '] },
  { about: 'old, then new, during one write', rows: ['[w1           ]', '  [r_] [r1]  '] },
  {
    about: 'two readers on either side of the instant',
    rows: ['[w1      ]', ' [r_   ]  ', ' [r1   ]'],
  },
  { about: 'either of two concurrent writes: the first drawn', rows: ['[w1]      ', '[w2]  [r1]'] },
  {
    about: 'either of two concurrent writes: the second drawn',
    rows: ['[w1]      ', '[w2]  [r2]'],
  },
  {
    about: 'both of two concurrent writes, one after the other',
    rows: ['[w1      ]', '[w2      ]', '  [r1][r2]'],
  },
  {
    about: 'a write that is overtaken by one begun later',
    rows: ['[w1          ]', '   [w2] [r2] [r1]'],
  },
  {
    about: 'a read that begins before the write and ends after it',
    rows: ['[r1           ]', '    [w1]       '],
  },
  {
    about: 'an old value read by one who began early',
    rows: ['[w1][w2    ]   ', '    [r1       ]'],
  },
  {
    about: 'two overlapping reads in the order of their writes',
    rows: ['[w1] [w2         ]', '      [r1 ] ', '         [r2   ]'],
  },
  {
    about: 'two overlapping reads against the order of their returns',
    rows: ['[w1] [w2         ]', '      [r1       ] ', '         [r2   ]'],
  },
  { about: 'the same value twice', rows: ['[w1] [w2] [w1] [r1]'] },
  { about: 'the same value written by two', rows: ['[w1]       [w2]', '     [w1]      [r2]'] },
  {
    about: 'three writers, one reader who sees them in turn',
    rows: ['[w1            ]', '[w2            ]', '[w3            ]', '[r3] [r1] [r2]  '],
  },
  {
    about: 'a write of unknown outcome that was never seen',
    rows: ['[w1] [r1] [r1]', '    [w2       '],
  },
  { about: 'a write of unknown outcome that was seen', rows: ['[w1] [r1] [r2]', '    [w2       '] },
  {
    about: 'a write of unknown outcome that was seen much later',
    rows: ['[w1] [r1] [r1] [r1] [r2]', '    [w2                 '],
  },
  {
    about: 'a write of unknown outcome between two others',
    rows: ['[w1] [r3] [w2] [r2]', ' [w3               '],
  },
  {
    about: 'a write of unknown outcome after two others',
    rows: ['[w1] [w2] [r2] [r3]', ' [w3               '],
  },
  {
    about: 'two writes of unknown outcome in either order',
    rows: ['[r2] [r1]', '[w1      ', '[w2      '],
  },
  {
    about: 'two writes of unknown outcome, one of them seen',
    rows: ['[r2] [r2]', '[w1      ', '[w2      '],
  },
  {
    about: 'a delete of unknown outcome that was seen',
    rows: ['[w1] [r1] [r_]', '     [w_      '],
  },
  { about: 'a compare-and-set that fits', rows: ['[w1] [c1>2+] [r2]'] },
  { about: 'a compare-and-set that does not fit', rows: ['[w1] [c2>3-] [r1]'] },
  { about: 'a creation where nothing was', rows: ['[c_>1+] [r1]'] },
  { about: 'a creation where something was', rows: ['[w1] [c_>2-] [r1]'] },
  { about: 'one of two competitors wins', rows: ['[w1] [c1>2+]', '     [c1>3-] [r2]'] },
  {
    about: 'two competitors, each taking over from the other',
    rows: ['[w1] [c1>2+  ]', '     [c2>3+  ] [r3]'],
  },
  {
    about: 'a chain of three, invoked in reverse',
    rows: ['[c2>3+        ]', '  [c1>2+      ]', '    [c_>1+    ] [r3]'],
  },
  {
    about: 'a compare-and-set that failed because of a write of unknown outcome',
    rows: ['[w1] [c1>2-] [r1]', '    [w3    ', '  [w1      '],
  },
  {
    about: 'a compare-and-set of unknown outcome that was done',
    rows: ['[w1] [r1] [r2]', '     [c1>2    '],
  },
  {
    about: 'a compare-and-set of unknown outcome that was not',
    rows: ['[w1] [r1] [r1]', '     [c1>2    '],
  },
  {
    about: 'a compare-and-set of unknown outcome whose time came later',
    rows: ['[w1] [w3] [w1] [r2]', ' [c1>2             '],
  },
  {
    about: 'a lock taken, given back and taken by another',
    rows: ['[c_>1+]       [w_]        ', '       [c_>2-]     [c_>2+]'],
  },
]

export const BAD: readonly DrawnHistory[] = [
  { about: 'a value that nobody wrote', rows: ['[r1]'] },
  { about: 'a value before it was written', rows: ['[r1] [w1]'] },
  { about: 'nothing after a write', rows: ['[w1] [r_]'] },
  { about: 'a stale read', rows: ['[w1] [w2] [r1]'] },
  { about: 'a stale read by another process', rows: ['[w1] [w2]     ', '          [r1]'] },
  { about: 'a lost update', rows: ['[w1]     [r1]', '     [w2]    '] },
  { about: 'a deleted value that is back', rows: ['[w1] [w_] [r_] [r1]'] },
  { about: 'a delete that shows the value before the last', rows: ['[w1] [w2] [w_] [r2]'] },
  {
    about: 'new, then old, during one write',
    rows: ['[w1]          ', '[w2           ]', '    [r2] [r1]  '],
  },
  {
    about: 'new, then old, by two readers during one write',
    rows: ['[w1           ]', ' [r1]          ', '      [r_]     '],
  },
  {
    about: 'two readers who disagree on the order of two writes',
    rows: ['[w1]            ', '[w2]            ', '     [r1] [r2]', '     [r2] [r1]'],
  },
  {
    about: 'a read that goes back after both writes are over',
    rows: ['[w1]            ', '[w2]            ', '     [r1] [r2]'],
  },
  {
    about: 'a value overwritten before the reader began',
    rows: ['[w1] [w2] [w3      ]', '           [r1]'],
  },
  { about: 'a write that comes and goes', rows: ['[w1] [r1] [r2] [r1]', '      [w2          '] },
  {
    about: 'a write of unknown outcome, seen before its invocation',
    rows: ['[r2] [r1]', '     [w2 ', '[w1] '],
  },
  {
    about: 'a write of unknown outcome that is undone',
    rows: ['[w1] [r2] [r1]', '    [w2       '],
  },
  {
    about: 'two writes of unknown outcome seen three times in turn',
    rows: ['[r2] [r1] [r2]', '[w1           ', '[w2           '],
  },
  { about: 'a compare-and-set that was done and did not fit', rows: ['[w1] [c2>3+]'] },
  { about: 'a compare-and-set that fitted and was not done', rows: ['[w1] [c1>2-]'] },
  { about: 'two winners', rows: ['[w1] [c1>2+]', '     [c1>3+]'] },
  { about: 'two who created the same', rows: ['[c_>1+]', '[c_>2+]'] },
  { about: 'two losers and no winner', rows: ['[w1] [c1>2-]', '     [c1>3-]'] },
  { about: 'a compare-and-set without effect', rows: ['[w1] [c1>2+] [r1]'] },
  { about: 'a failed compare-and-set with an effect', rows: ['[w1] [c3>2-] [r2]'] },
  {
    about: 'a chain with a missing link',
    rows: ['[w1] [c2>3+        ]', '     [c3>4+        ]', '           [r4]'],
  },
  {
    about: 'a compare-and-set of unknown outcome that did not fit',
    rows: ['[w1] [r2]', '    [c3>2'],
  },
  {
    about: 'a compare-and-set of unknown outcome that was done twice',
    rows: ['[w1] [r2] [w1] [r2]', '    [c1>2          '],
  },
  { about: 'a lock held by two', rows: ['[c_>1+]            [w_]', '       [c_>2+]     '] },
  {
    about: 'an increment lost between two readers',
    rows: ['[w1] [c1>2+] [r2]', '     [w1]     [r1]'],
  },
]
