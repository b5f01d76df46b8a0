/** Waits for a signal, then closes in order or hangs: stop-in-order.ts closes|hangs|hangs-before|fails GRACE */
import { onStopRequest } from '../../../app/stop-request.ts'

const [mode = '', grace = ''] = process.argv.slice(3)
const never = new Promise<void>(() => {})
const stop = onStopRequest((line) => console.error(line), { graceMs: Number(grace) })
const keepAlive = setInterval(() => {}, 60_000)
console.log('ready')
if (mode !== 'fails') await stop.requested
if (mode === 'hangs-before') await never
await stop.close('the log', async () => {})
await stop.close('the database', () => (mode === 'closes' ? Promise.resolve() : never))
stop.dispose()
clearInterval(keepAlive)
