/** docs/configuration.md, made from the settings themselves. */
import { settingFlags, shortVariablesOf, variableOf } from './config.ts'
import { check, type SettingName, settingNames, textOf } from './config-schema.ts'

/** The page as it must be; `npx vitest run app/config-page.test.ts -u` writes it. */
export function configurationPage(): string {
  return `# Configuration

<!-- Made from app/config-schema.ts. After a change there: npx vitest run app/config-page.test.ts -u -->

A later source wins, setting by setting:

1. the defaults below;
2. a YAML file: \`--config FILE\`, else the one that \`ORDER_STREAMS_CONFIG\` names, else \`order-streams.yaml\` in the working
   directory, if there is one;
3. the environment; the long name of a variable wins over the short one;
4. flags: \`--set name=value\` for any setting; the common ones have flags of their own: ${flagList()}.

\`\`\`yaml
# order-streams.yaml
dataDir: /var/lib/order-streams
commitIntervalMs: 200
\`\`\`

A name that does not exist, or a value out of its range, stops the program with exit code 2 before anything is opened: every
mistake is told, with where it came from and what would be right. \`npx order-streams config\` prints the values that hold, each with its
origin.

Times end in \`Ms\` and are milliseconds; sizes have \`Bytes\` in their names and are bytes.

| setting | default | may be | environment | what it is for |
| --- | --- | --- | --- | --- |
${settingNames.map(row).join('\n')}

## In a cluster

\`brokers\` chooses: while it is empty, commands work on the data directory; with brokers, \`run\`, \`migrate\`, \`api\`, \`simulate\`,
\`feed\`, \`topics\`, \`dead-letters\` and \`state\` work in the cluster, and ask for \`registryUrl\` and \`databaseUrl\` where they need them.
\`start\` is single-node mode always, and says so where it finds brokers. \`--data-dir\` beside brokers is refused.

What a cluster needs - topics, tables, schemas - is made in one of two ways:

- \`registerSchemas: at-start\`, the default: each start does what \`order-streams migrate\` does. It makes what is missing, leaves
  alone what is there, and refuses topics with wrong settings. Any number of instances may start at once.
- \`registerSchemas: migrate-only\`: only \`order-streams migrate\` makes anything, once before a release is started; all others stop
  with the list of what is missing. So instances can do without the rights to create topics, alter tables and register schemas.

Services that cannot be reached at the start are waited for, \`startWaitMs\` at most, which the log shows; then the program ends with
exit code 1, naming the service and the setting that leads to it. What a service refuses - a password, a database that does not
exist - ends it at once. Passwords are never shown: not by \`order-streams config\`, not in logs, not in errors. In
\`databaseUrl\`, special characters of a password must be %-encoded.

\`?ssl=true\` at the end of \`databaseUrl\` encrypts: the server's certificate has to be for the host's name in it, which is no address,
and of an authority of \`databaseTlsCaFile\`. Those that MySQL makes for itself are for no host.

## What is kept

What is stored keeps the number of partitions it was made with. \`orderMemoryMs\` may not be less than \`repeatMemoryMs\`: an order
would be forgotten before its repeats.
`
}

function row(name: SettingName): string {
  const { purpose, wanted } = textOf(name)
  const variables = [variableOf(name), ...shortVariablesOf(name)].map((variable) => `\`${variable}\``)
  const value = check(name, undefined)?.value
  const byDefault = value === '' ? '' : `\`${String(value)}\`${inWords(name, value)}`
  return `| ${[`\`${name}\``, byDefault, wanted, variables.join('<br>'), purpose].join(' | ')} |`
}

/** Large figures once more in a unit that people count in. */
function inWords(name: SettingName, value: unknown): string {
  if (typeof value !== 'number') return ''
  const units: readonly (readonly [string, number])[] = name.endsWith('Ms')
    ? [
        ['days', 24 * 3_600_000],
        ['hours', 3_600_000],
      ]
    : /Bytes/.test(name)
      ? [['MiB', 1024 * 1024]]
      : []
  const unit = units.find(([, size]) => value / size > 1 && value % size === 0) ?? units.at(-1)
  return unit === undefined || value < unit[1] ? '' : ` (${value / unit[1]} ${unit[0]})`
}

function flagList(): string {
  return Object.values(settingFlags)
    .map((flag) => `\`${flag}\``)
    .join(', ')
}
