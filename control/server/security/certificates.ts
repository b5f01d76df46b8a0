/** TLS of the control server: its certificate, which may be renewed while it runs, and what callers prove by theirs. */
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { createSecureContext, type PeerCertificate } from 'node:tls'
import {
  type ChannelCredentials,
  credentials as channel,
  experimental,
  type ServerCredentials,
} from '@grpc/grpc-js'
import { type Clock, type Logger, messageOf, StreamsError } from '../../../streams/index.ts'
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

/** Gives grpc-js what the files have, again whenever they change: connections from then on see the new ones. */
export class ServerCertificates implements Provider {
  private readonly options: CertificateOptions
  private readonly files: WatchedFiles<Contents>
  private readonly identityListeners = new Set<IdentityListener>()
  private readonly caListeners = new Set<CaListener>()
  private given: Contents
  private timer: { cancel(): void } | undefined

  /** @throws CONFIGURATION_INVALID naming the file that is not right */
  constructor(options: CertificateOptions) {
    this.options = options
    const { files, clock, logger } = options
    const { cert, key, clientCa, peerCa } = files
    const checkIntervalMs = options.checkIntervalMs ?? defaultCheckIntervalMs
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
        `the control server cannot use its certificate ${cert} with the key ${key}: ${messageOf(error)}`,
        { details: { cert, key }, cause: error },
      )
    }
    this.given = this.files.current
  }

  /** For the server. */
  serverCredentials(): ServerCredentials {
    const { files, isClientCertificateRequired } = this.options
    // The package names the parameters the wrong way round: the first is for the certificate, the second for the authorities.
    return experimental.createCertificateProviderServerCredentials(
      this,
      files.clientCa === undefined ? null : this,
      isClientCertificateRequired,
    )
  }

  /** For calls of other instances, to whom this one shows its certificate. */
  channelCredentials(): ChannelCredentials {
    const { cert, key, clientCa, peerCa } = this.files.current
    return channel.createSsl(peerCa ?? clientCa ?? null, key, cert)
  }

  addIdentityCertificateListener(listener: IdentityListener): void {
    this.identityListeners.add(listener)
    this.follow()
  }

  removeIdentityCertificateListener(listener: IdentityListener): void {
    this.identityListeners.delete(listener)
    this.rest()
  }

  addCaCertificateListener(listener: CaListener): void {
    this.caListeners.add(listener)
    this.follow()
  }

  removeCaCertificateListener(listener: CaListener): void {
    this.caListeners.delete(listener)
    this.rest()
  }

  private follow(): void {
    // The server looks at what it is told only once the listener is in place.
    process.nextTick(() => this.tell())
    if (this.timer === undefined) this.check()
  }

  private rest(): void {
    if (this.identityListeners.size + this.caListeners.size > 0) return
    this.timer?.cancel()
    this.timer = undefined
  }

  private check(): void {
    const { clock, checkIntervalMs = defaultCheckIntervalMs } = this.options
    this.timer = clock.setTimer(checkIntervalMs, () => {
      const { current } = this.files
      if (current !== this.given) {
        this.given = current
        this.tell()
      }
      this.check()
    })
  }

  private tell(): void {
    const { cert: certificate, key: privateKey, clientCa } = this.given
    for (const listener of this.identityListeners) listener({ certificate, privateKey })
    if (clientCa === undefined) return
    for (const listener of this.caListeners) listener({ caCertificate: clientCa })
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
