/** Opens a state directory, says under which instance id, and holds it until it is killed. */
import { openStateDirectory } from '../../../app/state-directory.ts'

const { instanceId } = await openStateDirectory({ path: process.argv[3]!, instanceId: '' })
console.log(instanceId)
setInterval(() => {}, 60_000)
