/** The chart as helm, the schemas of the API, kube-score and its own unit tests see it; nothing of it needs a cluster. */
import { describe, expect, it } from 'vitest'
import {
  chart,
  checkAgainstSchemas,
  criticalFindings,
  kubernetesVersion,
  render,
  runTool,
  runUnitTests,
  templates,
  unitTestFiles,
  valuesFiles,
  whyNoChecks,
} from './chart-checks.ts'

/** Checks of kube-score that the chart does not follow, with the reason. */
const ignoredChecks: Readonly<Record<string, string>> = {
  'container-image-pull-policy':
    'images are named by version or digest, and nodes start pods also while the registry of images is away',
  'container-security-context-user-group-id':
    'the images are made for their users (1000, 999, 185), and volumes belong to them; none of them is root',
  'pod-probes-identical':
    'the Order API has one page of health; it stops being sent to after two failures, and is restarted after six',
}

/** Which is ignored where network policies are off, as by default: values.yaml says why. */
const networkPolicyCheck = 'pod-networkpolicy'

/** Which is ignored where state is on the node's disk: a pod that passed such a limit would be evicted, and its state with it. */
const ephemeralStorageCheck = 'container-ephemeral-storage-request-and-limit'

const skipped = whyNoChecks !== ''

describe.each(valuesFiles)(`the chart with %s${whyNoChecks}`, (valuesFile) => {
  it.skipIf(skipped)('should have nothing that helm lint finds', () => {
    const { status, text } = runTool('helm', [
      'lint',
      '.',
      '--strict',
      '--kube-version',
      kubernetesVersion,
      '-f',
      valuesFile,
    ])

    expect(text).not.toMatch(/\[(?:WARNING|ERROR)\]/)
    expect(status, text).toBe(0)
  })

  it.skipIf(skipped)(`should make manifests that Kubernetes ${kubernetesVersion} takes`, () => {
    const { status, text } = checkAgainstSchemas(render(valuesFile))

    expect(text).toBe('')
    expect(status).toBe(0)
  })

  it.skipIf(skipped)('should have nothing that kube-score calls critical', () => {
    const manifests = render(valuesFile)
    const ignored = Object.keys(ignoredChecks)
    if (!manifests.includes('kind: NetworkPolicy')) ignored.push(networkPolicyCheck)
    if (!manifests.includes('volumeClaimTemplates:')) ignored.push(ephemeralStorageCheck)

    expect(criticalFindings(manifests, ignored)).toEqual([])
  })
})

describe(`the checks of the chart themselves${whyNoChecks}`, () => {
  it.skipIf(skipped)('should find unknown fields, wrong values and kinds without a schema', () => {
    const wrong = (kind: string, apiVersion: string, spec: string) =>
      checkAgainstSchemas(`{apiVersion: ${apiVersion}, kind: ${kind}, metadata: {name: a}, spec: ${spec}}`)

    expect(wrong('Service', 'v1', '{portz: []}').text).toContain("'portz' not allowed")
    expect(wrong('Service', 'v1', '{ports: [{port: http}]}').text).toContain('/spec/ports/0/port')
    expect(
      wrong('ServiceMonitor', 'monitoring.coreos.com/v1', '{selector: {}, endpoints: [{prt: a}]}').text,
    ).toContain("'prt' not allowed")
    expect(
      wrong('ScaledObject', 'keda.sh/v1alpha1', '{scaleTargetRef: {name: a}, triggers: [{type: 1}]}').text,
    ).toContain('/spec/triggers/0')
    expect(wrong('Certificate', 'cert-manager.io/v1', '{secretName: a}').text).toContain('issuerRef')
    expect(wrong('Unheard', 'v9', '{}').text).toContain('could not find schema for Unheard')
  })

  it.skipIf(skipped)('should find pods that are critical to kube-score', () => {
    const pod = [
      'apiVersion: v1',
      'kind: Pod',
      'metadata: {name: a}',
      'spec: {containers: [{name: a, image: "a:latest"}]}',
    ].join('\n')

    expect(criticalFindings(pod, []).some((finding) => finding.includes('Image with latest tag'))).toBe(true)
  })
})

describe('the unit tests of the chart', () => {
  it('should be there for every template', () => {
    const tested = new Set(unitTestFiles().flatMap(({ templates }) => templates))

    expect(templates().filter((template) => !tested.has(template))).toEqual([])
    expect(templates().length, chart).toBeGreaterThan(0)
  })

  describe.each(unitTestFiles())(`$name${whyNoChecks}`, (file) => {
    let ran: ReturnType<typeof runUnitTests> | undefined

    it.skipIf(skipped).each(file.titles)('%s', (title) => {
      ran ??= runUnitTests(file)

      expect(ran.failures.has(title), ran.text).toBe(true)
      expect(ran.failures.get(title)).toBeNull()
    })

    it('should have a title of its own for each test', () => {
      expect(new Set(file.titles).size).toBe(file.titles.length)
    })
  })
})
