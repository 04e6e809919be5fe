import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { commit } from './commit.ts'

test('the commit is named where there is one, and unknown where there is none', () => {
  assert.match(commit(), /^(?:[0-9a-f]{40}(?: modified)?|unknown)$/)
  const folder = mkdtempSync(join(tmpdir(), 'dnd-commit-'))
  try {
    assert.equal(commit(folder), 'unknown')
  } finally {
    rmSync(folder, { recursive: true })
  }
})
