/** The command line. */
import { Command } from 'commander'
import { addApiCommand } from './commands/api.ts'
import type { CommandContext } from './commands/command-context.ts'
import { addCompletionCommand } from './commands/completion.ts'
import { addConfigCommand } from './commands/config.ts'
import { addControlTokenCommand } from './commands/control-token.ts'
import { addCtlCommand } from './commands/ctl/ctl.ts'
import { addDashboardCommand } from './commands/dashboard.ts'
import { addDeadLettersCommand } from './commands/dead-letters.ts'
import { addFeedCommand } from './commands/feed.ts'
import { addMigrateCommand } from './commands/migrate.ts'
import { addPlanCommand } from './commands/plan.ts'
import { addRulesCommand } from './commands/rules.ts'
import { addRunCommand } from './commands/run.ts'
import { addSavepointCommand } from './commands/savepoint.ts'
import { addSimulateCommand } from './commands/simulate.ts'
import { addStartCommand } from './commands/start.ts'
import { addStateCommand } from './commands/state.ts'
import { addTopicsCommand } from './commands/topics.ts'
import { addTopologyCommand } from './commands/topology.ts'
import { packageVersion } from './package-info.ts'

export function createProgram(context: CommandContext): Command {
  const program = new Command('order-streams')
    .description('A real-time order ETL, and the stream-processing engine for Node.js under it.')
    .version(packageVersion(), '--version', 'print the version')
    .exitOverride()
    .showHelpAfterError('(--help tells more)')
    .addHelpText(
      'after',
      `
First look:
  order-streams start                        12,721 real orders through the whole job, then a live Order API
  order-streams dashboard                    its statistics as they grow (in a second terminal)
  order-streams simulate --orders 1000       a shop's events into it (in a second terminal)
  order-streams ctl top                      how it gets on, and \`ctl --help\`: control it (in a second terminal)
  order-streams topology describe cleanse    what runs there
  order-streams dead-letters list            what could not be processed (once it is stopped)

In a cluster, with Apache Kafka, a schema registry and MySQL, from any number of machines:
  order-streams run ingest cleanse statistics detection --brokers … --registry … --database …   (\`run --help\` tells more)

Every command has its own --help. \`order-streams config\` lists the settings.
Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 130 stopped at once by a second Ctrl-C.`,
    )
  addStartCommand(program, context)
  addRunCommand(program, context)
  addMigrateCommand(program, context)
  addApiCommand(program, context)
  addSimulateCommand(program, context)
  addFeedCommand(program, context)
  addDashboardCommand(program, context)
  addTopologyCommand(program, context)
  addPlanCommand(program, context)
  addTopicsCommand(program, context)
  addStateCommand(program, context)
  addDeadLettersCommand(program, context)
  addSavepointCommand(program, context)
  addRulesCommand(program, context)
  addCtlCommand(program, context)
  addConfigCommand(program, context)
  addControlTokenCommand(program, context)
  addCompletionCommand(program, context)
  return program
}
