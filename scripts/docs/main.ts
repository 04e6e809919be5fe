/** `npm run docs`: writes the generated parts of the reference anew. */
import { readFileSync, writeFileSync } from 'node:fs'
import { PAGES } from './pages.ts'

for (const [path, generate] of Object.entries(PAGES)) {
  const before = readFileSync(path, 'utf8')
  let after: string
  try {
    after = generate(before)
  } catch (error) {
    console.error(`${path}: ${(error as Error).message}`)
    process.exit(1)
  }
  if (after !== before) writeFileSync(path, after)
  console.log(`${after === before ? 'unchanged' : 'written  '}  ${path}`)
}
