/** `order-streams ctl`: every call of the control services from the command line. */
import type { Command } from 'commander'
import type { CommandContext } from '../command-context.ts'
import { addCheckpointCommands } from './checkpoints.ts'
import { addDeadLetterCommands } from './dead-letters.ts'
import { addHealthCommand } from './health.ts'
import { addInstanceCommands } from './instances.ts'
import { addOperationCommands } from './operations.ts'
import { addSavepointCommands } from './savepoints.ts'
import { addStageCommands } from './stages.ts'
import { addStateCommands } from './state.ts'
import { addTopCommand } from './top.ts'
import { addTopologyCommands } from './topologies.ts'

export function addCtlCommand(program: Command, context: CommandContext): void {
  const ctl = program
    .command('ctl')
    .summary('control and look into running instances')
    .description(
      'Controls running instances, and looks into them: every call of their gRPC control services.',
    )
    .addHelpText(
      'after',
      `
Examples:
  order-streams ctl topologies list                                  what runs, and how it gets on
  order-streams ctl top                                              the same live
  order-streams ctl stages pause cleanse --reason "schema change"    and \`stages resume cleanse\`
  order-streams ctl state get cleanse order-memory 31198570044       a row of a store
  order-streams ctl topologies explain statistics                    why a window has not emitted
  order-streams ctl savepoints create cleanse --name before-3.0
  order-streams ctl dead-letters list cleanse --json | jq -r .name

Any instance answers for all. Times and durations are written as 2017-01-01T10:00Z and 10m.
Exit codes: 0 done, 1 failed, 2 wrong usage or request, 3 what was asked for by its name is not there.`,
    )
  addTopologyCommands(ctl, context)
  addInstanceCommands(ctl, context)
  addStageCommands(ctl, context)
  addStateCommands(ctl, context)
  addCheckpointCommands(ctl, context)
  addSavepointCommands(ctl, context)
  addDeadLetterCommands(ctl, context)
  addOperationCommands(ctl, context)
  addHealthCommand(ctl, context)
  addTopCommand(ctl, context)
}
