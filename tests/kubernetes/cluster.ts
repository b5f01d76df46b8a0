/**
 * The Kubernetes cluster that `npm run test:cluster` sets up or was given: kubectl and helm as a person types them. Tests run where
 * addresses of services and pods can be reached.
 */
import { execFile } from 'node:child_process'
import { connect } from 'node:tls'
import { promisify } from 'node:util'

const run = promisify(execFile)

export interface ClusterSettings {
  /** `repository:tag`, of the image that is to be installed. */
  readonly image: string
  /** Tags of the same image with a topology changed: one that goes on with what is deployed, and one that could not; undefined where there are none. */
  readonly changedTags: { readonly compatible: string; readonly incompatible: string } | undefined
  /** What to give quickstart besides, as `--set` of helm takes it; empty where the public images are there. */
  readonly quickstartSettings: readonly string[]
  /** A command that enforces the NetworkPolicies that there are, where the cluster's network does not; undefined where it does. */
  readonly enforcePolicies: string | undefined
  /** A command that ends this. */
  readonly liftPolicies: string | undefined
}

export const clusterSettings: ClusterSettings | undefined = settingsOf(process.env)

function settingsOf(environment: NodeJS.ProcessEnv): ClusterSettings | undefined {
  const image = environment['TEST_KUBERNETES_IMAGE'] ?? ''
  if (image === '') return undefined
  const [compatible, incompatible] = (environment['TEST_KUBERNETES_CHANGED_TAGS'] ?? '').split(' ')
  return {
    image,
    changedTags: compatible && incompatible ? { compatible, incompatible } : undefined,
    quickstartSettings: (environment['TEST_KUBERNETES_SETTINGS'] ?? '')
      .split(' ')
      .filter((part) => part !== ''),
    enforcePolicies: environment['TEST_KUBERNETES_ENFORCE_POLICIES'],
    liftPolicies: environment['TEST_KUBERNETES_LIFT_POLICIES'],
  }
}

export interface Ending {
  readonly code: number
  /** Both streams, one after the other. */
  readonly text: string
}

/** Runs a program to its end, whatever that is. */
export async function ending(program: string, ...args: readonly string[]): Promise<Ending> {
  try {
    const { stdout, stderr } = await run(program, args, { maxBuffer: 1 << 26 })
    return { code: 0, text: stdout + stderr }
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'number') throw error
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string }
    return { code: error.code, text: stdout + stderr }
  }
}

/** What it prints. @throws what it says when it fails */
export async function output(program: string, ...args: readonly string[]): Promise<string> {
  const { stdout } = await run(program, args, { maxBuffer: 1 << 26 })
  return stdout
}

/** The command line, as a person has it who is not in the cluster. */
export function ctl(address: string, ...args: readonly string[]): Promise<Ending> {
  return ending('node', 'bin/order-streams.js', 'ctl', ...args, '--address', address)
}

/** @returns the fingerprint of the certificate that is shown at a port of this machine */
export function servedCertificate(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: 'localhost', rejectUnauthorized: false, ALPNProtocols: ['h2'] })
    socket.on('error', reject)
    socket.on('secureConnect', () => {
      resolve(socket.getPeerCertificate().fingerprint256)
      socket.destroy()
    })
  })
}

/** On namespaces that tests made, and may remove. */
const ownLabel = 'order-streams/made-by=test-cluster'

export interface PodStatus {
  readonly name: string
  readonly uid: string
  readonly node: string
  readonly address: string
  readonly isReady: boolean
  /** Of the containers, since the pod was made. */
  readonly restarts: number
}

/** One namespace of it. */
export class Namespace {
  readonly name: string

  constructor(name: string) {
    this.name = name
  }

  kubectl(...args: readonly string[]): Promise<string> {
    return output('kubectl', '--namespace', this.name, ...args)
  }

  helm(...args: readonly string[]): Promise<string> {
    return output('helm', '--namespace', this.name, ...args)
  }

  /** Made anew, with the strictest Pod Security enforced. What an earlier run left goes, and nothing that is not of such a run. */
  async create(): Promise<void> {
    await this.remove()
    await output('kubectl', 'create', 'namespace', this.name)
    const level = 'pod-security.kubernetes.io/enforce=restricted'
    await output('kubectl', 'label', 'namespace', this.name, level, ownLabel)
  }

  async remove(): Promise<void> {
    const name = `metadata.name=${this.name}`
    const own = ['--selector', ownLabel, '--field-selector', name]
    await output('kubectl', 'delete', 'namespaces', ...own, '--wait')
  }

  /** Pods that are not on their way out. */
  async pods(selector: string): Promise<PodStatus[]> {
    const list: PodList = JSON.parse(
      await this.kubectl('get', 'pods', '--selector', selector, '--output', 'json'),
    )
    return list.items
      .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
      .map(({ metadata, spec, status }) => ({
        name: metadata.name,
        uid: metadata.uid,
        node: spec.nodeName ?? '',
        address: status.podIP ?? '',
        isReady: (status.conditions ?? []).some(({ type, status }) => type === 'Ready' && status === 'True'),
        restarts: (status.containerStatuses ?? []).reduce((sum, { restartCount }) => sum + restartCount, 0),
      }))
  }

  /** Kinds and names of all that lies in it, but for what Kubernetes itself puts there. */
  async contents(): Promise<string[]> {
    const kinds =
      'statefulsets,deployments,jobs,pods,services,configmaps,secrets,serviceaccounts,persistentvolumeclaims,' +
      'networkpolicies,poddisruptionbudgets,horizontalpodautoscalers,ingresses'
    const names = await this.kubectl('get', kinds, '--output', 'name')
    const own = new Set(['configmap/kube-root-ca.crt', 'serviceaccount/default'])
    return names.split('\n').filter((name) => name !== '' && !own.has(name))
  }
}

interface PodList {
  readonly items: ReadonlyArray<{
    readonly metadata: { readonly name: string; readonly uid: string; readonly deletionTimestamp?: string }
    readonly spec: { readonly nodeName?: string }
    readonly status: {
      readonly podIP?: string
      readonly conditions?: ReadonlyArray<{ readonly type: string; readonly status: string }>
      readonly containerStatuses?: ReadonlyArray<{ readonly restartCount: number }>
    }
  }>
}
