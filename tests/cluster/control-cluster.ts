/** A cluster whose instances serve the control plane to holders of tokens, and reach one another. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { makeToken } from '../../control/server/security/token-file.ts'
import { waitFor } from '../support/waiting.ts'
import { Cluster } from './cluster.ts'
import { callMethod, type Ending, type Json, listMethods } from './grpcurl.ts'
import type { Instance } from './instances.ts'
import { openWorkDirectory } from './janitor.ts'
import { freePorts, patience, startServices } from './services.ts'

export type Id = 'a' | 'b' | 'c'
export const ids: readonly Id[] = ['a', 'b', 'c']

export interface ControlCallOptions {
  /** An operator calls unless it says otherwise. */
  readonly as?: 'operator' | 'viewer' | 'stranger' | 'nobody'
  readonly timeoutSeconds?: number
}

const retryable = 14
const serviceOf = /^\w+Service\//

export class ControlCluster {
  readonly cluster: Cluster
  readonly instances: Readonly<Record<Id, Instance>>
  /** Where savepoints are. */
  readonly savepointDir: string
  /** The methods that were called. */
  readonly called = new Set<string>()
  private readonly firstPort: number
  private readonly tokens: Readonly<Record<NonNullable<ControlCallOptions['as']>, string | undefined>>

  /** Services of its own, three instances that share the work, and a load that goes on. */
  static async use(
    topologies: readonly string[],
    scenario: (control: ControlCluster) => Promise<void>,
  ): Promise<void> {
    const work = openWorkDirectory()
    try {
      const commands = process.env['TEST_SERVICES']!
      const services = await startServices({ commands, directory: work.path, networkAddress: null })
      const firstPort = await freePorts(ids.length)
      const tokenFile = join(work.path, 'tokens')
      const savepointDir = join(work.path, 'savepoints')
      const [operator, viewer] = [makeToken('ops', 'operator'), makeToken('looker', 'viewer')]
      writeFileSync(tokenFile, `${operator.line}\n${viewer.line}\n`)
      const cluster = await Cluster.open({
        services,
        directory: work.path,
        network: null,
        topologies,
        settingsOf: (id) => {
          const address = addressOf(firstPort, id)
          return {
            controlPort: address.split(':')[1]!,
            controlEndpoint: address,
            controlTokenFile: tokenFile,
            controlCallsPerSecond: '0',
            httpPort: '0',
            savepointDir,
            standbyReplicas: '1',
          }
        },
      })
      try {
        const instances = {
          a: await cluster.start('a'),
          b: await cluster.start('b'),
          c: await cluster.start('c'),
        }
        await cluster.isSharedBy(...Object.values(instances))
        await cluster.hasCaughtUp()
        const tokens = {
          operator: operator.token,
          viewer: viewer.token,
          stranger: makeToken('stranger', 'operator').token,
          nobody: undefined,
        }
        await scenario(new ControlCluster({ cluster, instances, savepointDir, firstPort, tokens }))
      } catch (error) {
        console.error(cluster.describe())
        throw error
      } finally {
        await cluster.close()
      }
    } finally {
      await work.dispose()
    }
  }

  private constructor(parts: {
    cluster: Cluster
    instances: ControlCluster['instances']
    savepointDir: string
    firstPort: number
    tokens: ControlCluster['tokens']
  }) {
    this.cluster = parts.cluster
    this.instances = parts.instances
    this.savepointDir = parts.savepointDir
    this.firstPort = parts.firstPort
    this.tokens = parts.tokens
  }

  /** How a call of one instance ended. Services of our own may be named without their package. */
  call(id: Id, method: string, request: Json, options: ControlCallOptions = {}): Promise<Ending> {
    const { as = 'operator', timeoutSeconds } = options
    const path = serviceOf.test(method) ? `orderstreams.control.v1.${method}` : method
    this.called.add(path)
    return callMethod(path, request, {
      address: addressOf(this.firstPort, id),
      token: this.tokens[as],
      reflectionToken: this.tokens.operator!,
      ...(timeoutSeconds === undefined ? {} : { timeoutSeconds }),
    })
  }

  /**
   * The answer of one instance; a call that finds an instance away is made again, as clients do.
   * @throws Error for any other error
   */
  async ask(id: Id, method: string, request: Json): Promise<Json> {
    return waitFor(
      `${method} is answered`,
      async () => {
        const { code, messages, text } = await this.call(id, method, request)
        if (code === retryable) return undefined
        if (code !== 0) throw new Error(`${method} ${JSON.stringify(request)} of instance ${id}: ${text}`)
        return messages[0] ?? {}
      },
      patience,
    )
  }

  /** The answers of all three. */
  askAll(method: string, request: Json): Promise<Json[]> {
    return Promise.all(ids.map((id) => this.ask(id, method, request)))
  }

  /** Waits, at any instance, until an operation has ended, and answers how. */
  ended(id: Id, name: unknown): Promise<Json> {
    return waitFor(
      `operation ${name} has ended`,
      async () => {
        const wait = { name, timeout: '10s' }
        const answer = await this.ask(id, 'google.longrunning.Operations/WaitOperation', wait)
        return at(answer, 'done') === true ? answer : undefined
      },
      patience,
    )
  }

  /** What server reflection tells of. */
  methods(): Promise<string[]> {
    return listMethods(addressOf(this.firstPort, 'a'), this.tokens.operator!)
  }
}

function addressOf(firstPort: number, id: string): string {
  return `127.0.0.1:${firstPort + (ids as readonly string[]).indexOf(id)}`
}

/** A value inside an answer, by the names and numbers on the way to it; undefined when it is not there. */
export function at(value: unknown, ...path: readonly (string | number)[]): unknown {
  let here = value
  for (const name of path) here = Object(here)[name]
  return here
}

/** A list inside an answer; empty lists are left out of answers. */
export function listAt(value: unknown, ...path: readonly (string | number)[]): readonly unknown[] {
  const list = at(value, ...path)
  return Array.isArray(list) ? list : []
}
