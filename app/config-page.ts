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

What is stored keeps the number of partitions it was made with. \`orderMemoryMs\` may not be less than \`repeatMemoryMs\`: an order
would be forgotten before its repeats.
`
}

function row(name: SettingName): string {
  const { purpose, wanted } = textOf(name)
  const variables = [variableOf(name), ...shortVariablesOf(name)].map((variable) => `\`${variable}\``)
  const value = check(name, undefined)?.value
  const byDefault = `\`${String(value)}\`${inWords(name, value)}`
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
