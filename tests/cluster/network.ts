/** A network of the test's own for one instance, which can be cut: a namespace, tied to the host by a pair of virtual cards. */
import { execFile, execFileSync } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Why there can be none here; null when there can. */
export function whyNoNetwork(): string | null {
  if (process.getuid?.() !== 0) return 'it takes root to make a network namespace'
  try {
    execFileSync('ip', ['netns', 'list'], { stdio: 'ignore' })
    return null
  } catch {
    return 'it takes the command ip'
  }
}

export interface Network {
  /** Where the host's services are reached from inside. */
  readonly hostAddress: string
  /** What to put before a command so that it runs inside. */
  readonly prefix: readonly string[]
  /** From now on nothing arrives on either side, and neither is told. */
  cut(): Promise<void>
  restore(): Promise<void>
}

/** An address of a card that nobody has: frames sent there are lost, as on a broken line. */
const nowhere = '02:00:00:00:00:99'

/** @param namespace its name; whoever deletes it deletes all. */
export async function openNetwork(namespace: string): Promise<Network> {
  // From the range that is set aside for tests of networks.
  const subnet = `198.18.${process.pid % 256}.${4 * Math.floor(Math.random() * 64)}`.split('.')
  const address = (last: number) => [...subnet.slice(0, 3), Number(subnet[3]) + last].join('.')
  const [hostAddress, insideAddress] = [address(1), address(2)]
  const [hostCard, insideCard] = [`${namespace}h`, `${namespace}i`]
  const ip = (...args: string[]) => run('ip', args)
  const inside = (...args: string[]) => run('ip', ['-n', namespace, ...args])
  await ip('netns', 'add', namespace)
  await ip('link', 'add', hostCard, 'type', 'veth', 'peer', 'name', insideCard, 'netns', namespace)
  await ip('addr', 'add', `${hostAddress}/30`, 'dev', hostCard)
  await ip('link', 'set', hostCard, 'up')
  await inside('addr', 'add', `${insideAddress}/30`, 'dev', insideCard)
  await inside('link', 'set', insideCard, 'up')
  await inside('link', 'set', 'lo', 'up')
  return {
    hostAddress,
    prefix: ['ip', 'netns', 'exec', namespace],
    cut: async () => {
      await inside('neigh', 'replace', hostAddress, 'lladdr', nowhere, 'dev', insideCard, 'nud', 'permanent')
      await ip('neigh', 'replace', insideAddress, 'lladdr', nowhere, 'dev', hostCard, 'nud', 'permanent')
    },
    restore: async () => {
      await inside('neigh', 'del', hostAddress, 'dev', insideCard)
      await ip('neigh', 'del', insideAddress, 'dev', hostCard)
    },
  }
}
