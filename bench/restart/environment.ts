/** What the restart bench tells the programs that it compares, by their environment. */
type Name =
  | 'BOOTSTRAP'
  | 'INPUT_TOPIC'
  | 'OUTPUT_TOPIC'
  | 'GROUP_ID'
  | 'STATE_DIR'
  /** Empty for an instance that has no name over restarts. */
  | 'INSTANCE_ID'
  | 'SESSION_TIMEOUT_MS'

export type InstanceEnvironment = Readonly<Record<Name, string>>

export function instanceEnvironment(
  variables: Readonly<Record<string, string | undefined>>,
): InstanceEnvironment {
  const given = (name: Name): string => {
    const value = variables[name]
    if (value === undefined) throw new Error(`${name} is not set`)
    return value
  }
  return {
    BOOTSTRAP: given('BOOTSTRAP'),
    INPUT_TOPIC: given('INPUT_TOPIC'),
    OUTPUT_TOPIC: given('OUTPUT_TOPIC'),
    GROUP_ID: given('GROUP_ID'),
    STATE_DIR: given('STATE_DIR'),
    INSTANCE_ID: given('INSTANCE_ID'),
    SESSION_TIMEOUT_MS: given('SESSION_TIMEOUT_MS'),
  }
}
