/** What can be typed at each place of the command line, read off the commands themselves. */
import type { Argument, Command, Option } from 'commander'

/** What the value of an option or an argument may be. */
export type Values = readonly string[] | 'files' | 'anything'

export interface CompletedOption {
  /** `--json`, or `-h` and `--help`. */
  readonly flags: readonly string[]
  readonly description: string
  /** Undefined when it takes none. */
  readonly values: Values | undefined
}

/** A command, or the program itself. */
export interface Place {
  /** The names that lead there, each with `/` before it: empty for the program, `/ctl/stages`. */
  readonly path: string
  readonly commands: readonly { readonly name: string; readonly description: string }[]
  readonly options: readonly CompletedOption[]
  readonly arguments: readonly Values[]
  /** The last argument may be repeated. */
  readonly isVariadic: boolean
}

/** Values of arguments and options that are known by what they are called. */
export type KnownValues = Readonly<Record<string, readonly string[]>>

/** All places, each before those under it. */
export function placesOf(program: Command, known: KnownValues): Place[] {
  const places: Place[] = []
  const visit = (command: Command, path: string): void => {
    places.push({
      path,
      commands: command.commands.map((child) => ({
        name: child.name(),
        description: firstSentence(child.summary() || child.description()),
      })),
      options: command
        .createHelp()
        .visibleOptions(command)
        .map((option) => optionOf(option, known)),
      arguments: command.registeredArguments.map((argument) => argumentValues(argument, known)),
      isVariadic: command.registeredArguments.at(-1)?.variadic === true,
    })
    for (const child of command.commands) visit(child, `${path}/${child.name()}`)
  }
  visit(program, '')
  return places
}

function optionOf(option: Option, known: KnownValues): CompletedOption {
  const flags = [option.short, option.long].filter((flag) => flag !== undefined)
  const { description } = option
  if (!option.required && !option.optional) return { flags, description, values: undefined }
  const [, placeholder = ''] = /[<[]([^>\]]+)/.exec(option.flags) ?? []
  return { flags, description, values: option.argChoices ?? valuesNamed(placeholder, known) }
}

function argumentValues(argument: Argument, known: KnownValues): Values {
  return argument.argChoices ?? valuesNamed(argument.name(), known)
}

function valuesNamed(name: string, known: KnownValues): Values {
  if (/^(file|dir)$/.test(name)) return 'files'
  return Object.hasOwn(known, name) ? known[name]! : 'anything'
}

/** `where flag` of each option that takes a value: the word behind it is no argument. */
export function valuedFlags(places: readonly Place[]): string[] {
  return places.flatMap(({ path, options }) =>
    options.flatMap(({ flags, values }) =>
      values === undefined ? [] : flags.map((flag) => `${path} ${flag}`),
    ),
  )
}

/** How many arguments are before the cursor when each can stand there; undefined for a last one that may be repeated. */
export function argumentsAt({
  arguments: of,
  isVariadic,
}: Place): { index: number | undefined; values: Values }[] {
  return of.map((values, index) => ({
    index: isVariadic && index === of.length - 1 ? undefined : index,
    values,
  }))
}

export function pathsOf(places: readonly Place[]): string[] {
  return places.map(({ path }) => path).filter((path) => path !== '')
}

function firstSentence(text: string): string {
  return text.split(/[.:;] /)[0]!.replace(/\.$/, '')
}

/** In single quotes, as bash and zsh read them. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}
