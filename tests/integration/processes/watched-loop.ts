/** Starts the watchdog of the event loop with a deadline in ms, says so, and then: watched-loop.ts block|block-native|live|end DEADLINE */
import { pbkdf2Sync } from 'node:crypto'
import { startEventLoopWatchdog } from '../../../app/watchdog.ts'

const [mode = '', deadline = ''] = process.argv.slice(3)
startEventLoopWatchdog({ deadlineMs: Number(deadline) })
console.log('watched')

if (mode === 'block')
  setImmediate(() => {
    for (;;) Math.sqrt(2)
  })
// Native code, which cannot be interrupted.
if (mode === 'block-native') setImmediate(() => pbkdf2Sync('a', 'b', 2 ** 31 - 1, 64, 'sha512'))
if (mode === 'live') {
  process.stdin.resume().on('end', () => process.exit(7))
}
