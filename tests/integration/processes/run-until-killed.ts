/** Runs the application in a directory and kills itself at a commit step: run-until-killed.ts DIRECTORY GUARANTEE STEP NTH */
import type { ProcessingGuarantee } from '../../../streams/index.ts'
import { openKillWorld } from '../kill-world.ts'

const [directory = '', guarantee = '', step = '', nth = ''] = process.argv.slice(3)
let left = Number(nth)
const world = await openKillWorld(directory)
const app = await world.app(guarantee as ProcessingGuarantee, {
  onCommitStep: (_task, reached) => {
    if (reached === step && --left === 0) process.kill(process.pid, 'SIGKILL')
  },
})
await app.start()
await app.drained()
await app.stop()
await world.close()
