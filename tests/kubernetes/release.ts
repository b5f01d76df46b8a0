/** A release of the chart with the services of quickstart, as a person installs and uses it. */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { type Database, openDatabase } from '../../sql/index.ts'
import { waitFor } from '../support/waiting.ts'
import { type ClusterSettings, type Ending, ending, Namespace, type PodStatus } from './cluster.ts'

const chart = join(import.meta.dirname, '../../helm/order-streams')
const minutes = 60_000

export class Release {
  readonly namespace: Namespace
  readonly releaseName = 'trial'
  private readonly settings: ClusterSettings

  constructor(settings: ClusterSettings, namespace = 'order-streams-test') {
    this.settings = settings
    this.namespace = new Namespace(namespace)
  }

  /** @param values as `--set` takes them @returns how helm ended, with what it said */
  install(...values: readonly string[]): Promise<Ending> {
    return this.helm('install', values)
  }

  upgrade(...values: readonly string[]): Promise<Ending> {
    return this.helm('upgrade', values)
  }

  private helm(verb: 'install' | 'upgrade', values: readonly string[]): Promise<Ending> {
    const { image, quickstartSettings } = this.settings
    const [repository, tag] = image.split(':')
    const all = [`image.repository=${repository}`, `image.tag=${tag}`, ...quickstartSettings, ...values]
    const sets = all.flatMap((value) => ['--set', value])
    const files = ['--values', join(chart, 'quickstart-values.yaml')]
    const waits = ['--wait', '--timeout', '8m']
    return ending(
      'helm',
      '--namespace',
      this.namespace.name,
      verb,
      this.releaseName,
      chart,
      ...files,
      ...sets,
      ...waits,
    )
  }

  name(component: string): string {
    return `${this.releaseName}-order-streams-${component}`
  }

  pods(component: string): Promise<PodStatus[]> {
    return this.namespace.pods(`app.kubernetes.io/component=${component}`)
  }

  /** Of all topologies. */
  instances(): Promise<PodStatus[]> {
    return this.namespace.pods('order-streams/serves-control=true')
  }

  /** Waits until a topology has so many pods, all of them ready. */
  ready(component: string, count: number): Promise<PodStatus[]> {
    return waitFor(
      `${count} pods of ${component} are ready`,
      async () => {
        const pods = await this.pods(component)
        return pods.length === count && pods.every(({ isReady }) => isReady) && pods
      },
      { deadlineMs: 5 * minutes, longestPauseMs: 500 },
    )
  }

  /** Stops all instances of a topology, and waits until they are gone; the next upgrade starts them again. */
  async stop(topology: string): Promise<void> {
    await this.namespace.kubectl('scale', `statefulset/${this.name(topology)}`, '--replicas=0')
    await this.ready(topology, 0)
  }

  /** Kills the program of a pod's container as the kernel might: Kubernetes hears of it afterwards. */
  async kill(pod: string): Promise<void> {
    const script =
      'for p in /proc/[0-9]*; do read -r c _ < $p/cmdline; case $c in node*) kill -9 $' +
      '{p#/proc/};; esac; done'
    await ending('kubectl', '--namespace', this.namespace.name, 'exec', pod, '--', 'sh', '-c', script)
  }

  /** Whether a pod gets a connection to a port of another one within a few seconds. */
  async reach(from: PodStatus, to: PodStatus, port: number): Promise<'open' | 'shut'> {
    const script =
      `const s = require('net').connect(${port}, '${to.address}');` +
      `const end = (word) => { process.stdout.write(word); process.exit() };` +
      `s.on('connect', () => end('open')).on('error', () => end('shut')); setTimeout(() => end('shut'), 4000)`
    const said = await this.namespace.kubectl('exec', from.name, '--', 'node', '--eval', script)
    return said === 'open' ? 'open' : 'shut'
  }

  /** host:port of the control service, as others in the cluster have it. */
  async controlAddress(): Promise<string> {
    return `${await this.clusterAddress('control')}:50051`
  }

  /** Forwards a port of this machine to the control services, as a person outside of the cluster does. @returns ends it */
  async forwardControl(port: number): Promise<() => void> {
    const target = [`service/${this.name('control')}`, `${port}:50051`]
    const forwarding = spawn('kubectl', ['--namespace', this.namespace.name, 'port-forward', ...target])
    let said = ''
    forwarding.stdout.on('data', (chunk: Buffer) => {
      said += chunk.toString()
    })
    await waitFor('the port is forwarded', async () => said.includes('Forwarding'))
    return () => forwarding.kill()
  }

  async apiUrl(): Promise<string> {
    return `http://${await this.clusterAddress('api')}`
  }

  async openDatabase(): Promise<Database> {
    const encoded = await this.namespace.kubectl(
      'get',
      'secret',
      this.name('mysql'),
      '--output',
      'jsonpath={.data.url}',
    )
    const url = new URL(Buffer.from(encoded, 'base64').toString('utf8'))
    const [pod] = await this.pods('mysql')
    url.hostname = pod!.address
    return openDatabase(url.href)
  }

  private clusterAddress(component: string): Promise<string> {
    return this.namespace.kubectl(
      'get',
      'service',
      this.name(component),
      '--output',
      'jsonpath={.spec.clusterIP}',
    )
  }
}
