/** TLS of the control server: its certificate, which may be renewed while it runs, and what callers prove by theirs. */
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { createSecureContext, type PeerCertificate } from 'node:tls'
import {
  type ChannelCredentials,
  credentials as channel,
  experimental,
  type ServerCredentials,
} from '@grpc/grpc-js'
import { type Clock, type Logger, messageOf, StreamsError, type Timer } from '../../../streams/index.ts'
import { WatchedFiles } from './watched-files.ts'

export interface CertificateFiles {
  /** The certificate of this instance with those in between it and the authority, PEM. */
  readonly cert: string
  readonly key: string
  /** Authorities whose certificates callers may show; absent: none is asked for. */
  readonly clientCa?: string
  /** Authorities by which other instances are trusted; absent: those for callers, else those of Node.js. */
  readonly peerCa?: string
}

interface Contents {
  readonly cert: Buffer
  readonly key: Buffer
  readonly clientCa: Buffer | undefined
  readonly peerCa: Buffer | undefined
}

export interface CertificateOptions {
  readonly files: CertificateFiles
  /** Whether nobody gets in without one; else a token does, too. */
  readonly isClientCertificateRequired: boolean
  readonly clock: Clock
  readonly logger: Logger
  readonly checkIntervalMs?: number
}

type Provider = experimental.CertificateProvider
type IdentityListener = Parameters<Provider['addIdentityCertificateListener']>[0]
type CaListener = Parameters<Provider['addCaCertificateListener']>[0]

const defaultCheckIntervalMs = 5000

/** What the files have, read again when they change: connections from then on see the new ones. */
export class Certificates {
  private readonly options: CertificateOptions
  private readonly files: WatchedFiles<Contents>

  /** @throws CONFIGURATION_INVALID naming the files that are not right */
  constructor(options: CertificateOptions) {
    this.options = options
    const { files, clock, logger, checkIntervalMs = defaultCheckIntervalMs } = options
    const { cert, key, clientCa, peerCa } = files
    const optional = [clientCa, peerCa].filter((path) => path !== undefined)
    try {
      this.files = new WatchedFiles({
        name: 'certificates of the control server',
        paths: [cert, key, ...optional],
        parse: ([certificate, privateKey, ...more]) => {
          const contents = {
            cert: certificate!,
            key: privateKey!,
            clientCa: clientCa === undefined ? undefined : more.shift()!,
            peerCa: peerCa === undefined ? undefined : more.shift()!,
          }
          checkContents(contents)
          return contents
        },
        clock,
        logger,
        checkIntervalMs: checkIntervalMs / 2,
      })
    } catch (error) {
      throw new StreamsError(
        'CONFIGURATION_INVALID',
        `the control server cannot use the certificate ${cert} with the key ${key}` +
          `${optional.length === 0 ? '' : ` and the authorities in ${optional.join(' and ')}`}: ${messageOf(error)}`,
        { details: { cert, key }, cause: error },
      )
    }
  }

  /** For the server. */
  serverCredentials(): ServerCredentials {
    const { files, isClientCertificateRequired } = this.options
    const provider = this.provider(({ clientCa }) => clientCa)
    // The package names the parameters the wrong way round: the first is for the certificate, the second for the authorities.
    return experimental.createCertificateProviderServerCredentials(
      provider,
      files.clientCa === undefined ? null : provider,
      isClientCertificateRequired,
    )
  }

  /** For calls of other instances, to whom this one shows its certificate if they may ask for it. */
  channelCredentials(): ChannelCredentials {
    const { clientCa, peerCa } = this.options.files
    if (clientCa === undefined && peerCa === undefined) return channel.createSsl()
    const provider = this.provider((contents) => contents.peerCa ?? contents.clientCa)
    return experimental.createCertificateProviderChannelCredentials(provider, provider)
  }

  /** The names that the certificate of this instance proves to others. */
  get names(): string[] {
    const { subjectAltName, subject } = new X509Certificate(this.files.current.cert)
    // There is no subject, whatever its type says, where all names are alternative ones, as cert-manager makes them.
    const commonNames = [...(subject ?? '').matchAll(/^CN=(.*)$/gm)].map(([, name]) => `CN:${name}`)
    return [...alternativeNames(subjectAltName ?? ''), ...commonNames]
  }

  private provider(caOf: (contents: Contents) => Buffer | undefined): Provider {
    const { clock, checkIntervalMs = defaultCheckIntervalMs } = this.options
    return new FileProvider(() => this.files.current, caOf, clock, checkIntervalMs)
  }
}

/** Tells grpc-js of the contents, and again when they are others, as long as it listens. */
class FileProvider implements Provider {
  private readonly look: () => Contents
  private readonly caOf: (contents: Contents) => Buffer | undefined
  private readonly clock: Clock
  private readonly checkIntervalMs: number
  private readonly identityListeners = new Set<IdentityListener>()
  private readonly caListeners = new Set<CaListener>()
  private told: Contents | undefined
  private timer: Timer | undefined

  constructor(
    look: () => Contents,
    caOf: (contents: Contents) => Buffer | undefined,
    clock: Clock,
    checkIntervalMs: number,
  ) {
    this.look = look
    this.caOf = caOf
    this.clock = clock
    this.checkIntervalMs = checkIntervalMs
  }

  addIdentityCertificateListener(listener: IdentityListener): void {
    this.identityListeners.add(listener)
    this.begin()
  }

  removeIdentityCertificateListener(listener: IdentityListener): void {
    this.identityListeners.delete(listener)
    this.end()
  }

  addCaCertificateListener(listener: CaListener): void {
    this.caListeners.add(listener)
    this.begin()
  }

  removeCaCertificateListener(listener: CaListener): void {
    this.caListeners.delete(listener)
    this.end()
  }

  private begin(): void {
    this.told = undefined
    // Whoever listens looks at what it is told only after this call.
    process.nextTick(() => this.tell())
    if (this.timer === undefined) this.wait()
  }

  private end(): void {
    if (this.identityListeners.size + this.caListeners.size > 0) return
    this.timer?.cancel()
    this.timer = undefined
  }

  private wait(): void {
    this.timer = this.clock.setTimer(
      this.checkIntervalMs,
      () => {
        this.tell()
        this.wait()
      },
      { background: true },
    )
  }

  private tell(): void {
    const contents = this.look()
    if (contents === this.told) return
    this.told = contents
    const { cert: certificate, key: privateKey } = contents
    const caCertificate = this.caOf(contents)
    for (const listener of this.identityListeners) listener({ certificate, privateKey })
    if (caCertificate !== undefined) for (const listener of this.caListeners) listener({ caCertificate })
  }
}

/** @throws what keeps connections from being made with them */
function checkContents({ cert, key, clientCa, peerCa }: Contents): void {
  if (!new X509Certificate(cert).checkPrivateKey(createPrivateKey(key)))
    throw new Error('the key is not the one of the certificate')
  createSecureContext({ cert, key })
  for (const ca of [clientCa, peerCa]) {
    if (ca === undefined) continue
    // Text that holds no certificate would be taken for an empty list.
    new X509Certificate(ca)
    createSecureContext({ ca })
  }
}

/**
 * The names that a certificate proves, as roles are given to: `URI:…`, `DNS:…`, `IP Address:…` and `email:…` of its
 * subjectAltName, then `CN:…` of its subject.
 */
export function namesOf({ subject, subjectaltname = '' }: PeerCertificate): string[] {
  // Of several common names, Node.js has a list.
  const commonNames: unknown = subject?.CN
  const names = [commonNames].flat().filter((name) => typeof name === 'string')
  return [...alternativeNames(subjectaltname), ...names.map((name) => `CN:${name}`)]
}

/** Node.js writes a name with characters that could pass for another name in JSON's quotes. */
function alternativeNames(text: string): string[] {
  const names: string[] = []
  for (const [, kind, quoted, plain] of text.matchAll(
    /([A-Za-z ]+?):(?:("(?:[^"\\]|\\.)*")|([^",]*))(?:, |$)/gy,
  )) {
    names.push(`${kind}:${quoted === undefined ? plain : String(JSON.parse(quoted))}`)
  }
  return names
}
