#!/usr/bin/env node
import { existsSync } from 'node:fs'
import module from 'node:module'

const [major, minor] = process.versions.node.split('.').map(Number)
const entry = new URL('../dist/app/main.js', import.meta.url)

if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`order-streams needs Node.js 20.19 or newer, and this is ${process.version}`)
  process.exitCode = 1
} else if (!existsSync(entry)) {
  console.error('order-streams is not built yet: run `npm ci`, or `npm run build` after a change')
  process.exitCode = 1
} else {
  // A process that is started again, after a crash above all, need not compile everything anew; Node.js 22 and newer.
  module.enableCompileCache?.()
  const { main } = await import(entry.href)
  process.exitCode = await main(process.argv.slice(2))
}
