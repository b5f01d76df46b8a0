/**
 * Completion scripts, made from the commands. Each finds out where the cursor is - which command, and behind how many of its
 * arguments - and then looks up what can stand there: they ask no program, so they are as quick as the shell.
 */
import {
  argumentsAt,
  type CompletedOption,
  type Place,
  pathsOf,
  quoted,
  type Values,
  valuedFlags,
} from './command-tree.ts'

export const shells = ['bash', 'zsh', 'fish'] as const

export type Shell = (typeof shells)[number]

export function completionScript(shell: Shell, places: readonly Place[]): string {
  return { bash: bashScript, zsh: zshScript, fish: fishScript }[shell](places)
}

/** Patterns of a `case`. */
function alternatives(texts: readonly string[]): string {
  return texts.map(quoted).join('|')
}

/** The pattern of a `case` over the place and the number of arguments behind it. */
function argumentPattern(path: string, index: number | undefined): string {
  return index === undefined ? `${quoted(`${path} `)}*` : quoted(`${path} ${index}`)
}

function bashScript(places: readonly Place[]): string {
  const values = places.flatMap(({ path, options }) =>
    options.flatMap(({ flags, values: of }) =>
      of === undefined
        ? []
        : [`      ${alternatives(flags.map((flag) => `${path} ${flag}`))}) ${bashReply(of)} ;;`],
    ),
  )
  const flagsOf = ({ path, options }: Place): string =>
    `      ${quoted(path)}) ${bashReply(options.flatMap(({ flags }) => flags))} ;;`
  const words = places.flatMap((place) =>
    place.commands.length > 0
      ? [`    ${argumentPattern(place.path, 0)}) ${bashReply(place.commands.map(({ name }) => name))} ;;`]
      : argumentsAt(place).map(
          ({ index, values: of }) => `    ${argumentPattern(place.path, index)}) ${bashReply(of)} ;;`,
        ),
  )
  return `# Completion of order-streams for bash.
_order_streams() {
  local current="\${COMP_WORDS[COMP_CWORD]}" place='' previous='' word
  local -i i arguments=0
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="\${COMP_WORDS[i]}"
    case "$place $word" in
      ${alternatives(valuedFlags(places))}) previous="$word"; i+=1; continue ;;
    esac
    case "$place/$word" in
      ${alternatives(pathsOf(places))}) place="$place/$word"; continue ;;
    esac
    [[ "$word" == -* ]] || arguments+=1
  done
  # The word before is an option, whose value is being typed.
  if ((i > COMP_CWORD)); then
    case "$place $previous" in
${values.join('\n')}
    esac
  elif [[ "$current" == -* ]]; then
    case "$place" in
${places.map(flagsOf).join('\n')}
    esac
  else
    case "$place $arguments" in
${words.map((line) => `  ${line}`).join('\n')}
    esac
  fi
}
complete -F _order_streams order-streams
`
}

function bashReply(values: Values): string {
  if (values === 'anything') return ':'
  if (values === 'files')
    return 'compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current")'
  return `mapfile -t COMPREPLY < <(compgen -W ${quoted(values.join(' '))} -- "$current")`
}

function zshScript(places: readonly Place[]): string {
  const values = places.flatMap(({ path, options }) =>
    options.flatMap(({ flags, values: of }) =>
      of === undefined
        ? []
        : [`      ${alternatives(flags.map((flag) => `${path} ${flag}`))}) ${zshReply(of)} ;;`],
    ),
  )
  const flagsOf = ({ path, options }: Place): string =>
    `      ${quoted(path)}) found=(${options.flatMap(zshOption).join(' ')}) ;;`
  const words = places.flatMap((place) =>
    place.commands.length > 0
      ? [
          `      ${argumentPattern(place.path, 0)}) found=(${place.commands.map(({ name, description }) => zshItem(name, description)).join(' ')}); _describe command found ;;`,
        ]
      : argumentsAt(place).map(
          ({ index, values: of }) => `      ${argumentPattern(place.path, index)}) ${zshReply(of)} ;;`,
        ),
  )
  return `#compdef order-streams
# Completion of order-streams for zsh.
_order_streams() {
  local place='' previous='' word
  local -i i arguments=0
  local -a found
  for ((i = 2; i < CURRENT; i++)); do
    word="\${words[i]}"
    case "$place $word" in
      ${alternatives(valuedFlags(places))}) previous="$word"; ((i += 1)); continue ;;
    esac
    case "$place/$word" in
      ${alternatives(pathsOf(places))}) place="$place/$word"; continue ;;
    esac
    [[ "$word" == -* ]] || ((arguments += 1))
  done
  # The word before is an option, whose value is being typed.
  if ((i > CURRENT)); then
    case "$place $previous" in
${values.join('\n')}
    esac
  elif [[ "\${words[CURRENT]}" == -* ]]; then
    case "$place" in
${places.map(flagsOf).join('\n')}
    esac
    _describe option found
  else
    case "$place $arguments" in
${words.join('\n')}
    esac
  fi
}
compdef _order_streams order-streams
`
}

function zshOption({ flags, description }: CompletedOption): string[] {
  return flags.map((flag) => zshItem(flag, description))
}

function zshItem(word: string, description: string): string {
  return quoted(`${word.replaceAll(':', '\\:')}:${description}`)
}

function zshReply(values: Values): string {
  if (values === 'anything') return ':'
  return values === 'files' ? '_files' : `compadd -- ${values.map(quoted).join(' ')}`
}

function fishScript(places: readonly Place[]): string {
  const lines = places.flatMap((place) => {
    const { path, commands, options } = place
    return [
      ...commands.map(
        ({ name, description }) => `${fishAt(path, 0)} -a ${fishQuoted(name)} -d ${fishQuoted(description)}`,
      ),
      ...(commands.length > 0
        ? []
        : argumentsAt(place).flatMap(({ index, values }) => fishValues(fishAt(path, index), values))),
      ...options.flatMap(({ flags, description, values }) => {
        const names = flags.map((flag) =>
          flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`,
        )
        const option = `${fishAt(path)} ${names.join(' ')} -d ${fishQuoted(description)}`
        if (values === undefined) return [option]
        return Array.isArray(values)
          ? [`${option} -x -a ${fishQuoted(values.join(' '))}`]
          : [`${option} ${values === 'files' ? '-r -F' : '-x'}`]
      }),
    ]
  })
  return `# Completion of order-streams for fish.
# Whether the cursor is in the command $argv[1], and behind $argv[2] of its arguments, if that is given.
function __order_streams_at
    set -l place ''
    set -l arguments 0
    set -l isValue 0
    for word in (commandline -opc)[2..]
        if test $isValue = 1
            set isValue 0
            continue
        end
        if contains -- "$place $word" $__order_streams_valued
            set isValue 1
        else if contains -- "$place/$word" $__order_streams_places
            set place "$place/$word"
        else if not string match -q -- '-*' $word
            set arguments (math $arguments + 1)
        end
    end
    test "$place" = "$argv[1]"; and begin
        test (count $argv) = 1; or test $arguments = $argv[2]
    end
end
set -g __order_streams_places ${pathsOf(places).map(fishQuoted).join(' ')}
set -g __order_streams_valued ${valuedFlags(places).map(fishQuoted).join(' ')}
complete -c order-streams -f
${lines.join('\n')}
`
}

function fishAt(path: string, argumentCount?: number): string {
  const condition = `__order_streams_at "${path}"${argumentCount === undefined ? '' : ` ${argumentCount}`}`
  return `complete -c order-streams -n ${fishQuoted(condition)}`
}

function fishValues(at: string, values: Values): string[] {
  if (values === 'anything') return []
  return values === 'files' ? [`${at} -F`] : [`${at} -a ${fishQuoted(values.join(' '))}`]
}

function fishQuoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}
