/** Puts together what guards a control server, from settings. */
import type { ChannelCredentials, ServerCredentials } from '@grpc/grpc-js'
import {
  type Clock,
  type Log,
  type Logger,
  messageOf,
  type SchemaRegistry,
  StreamsError,
} from '../../../streams/index.ts'
import type { Guard } from '../guard.ts'
import { AuditLog } from './audit-log.ts'
import { type CertificateFiles, Certificates } from './certificates.ts'
import { type JwtOptions, jwtVerifier } from './jwt.ts'
import { type GrantedRole, type RoleMapping, roleOf } from './role-mapping.ts'
import { secureGuard } from './secure-guard.ts'
import { parseTokenFile } from './token-file.ts'
import { WatchedFiles } from './watched-files.ts'

export interface SecuritySettings {
  /** Absent: plaintext. */
  readonly certificates?: CertificateFiles
  /** Who has which role by a certificate; only with `certificates.clientCa`. */
  readonly certificateRoles?: RoleMapping<GrantedRole>
  /** A path. */
  readonly tokenFile?: string
  readonly jwt?: Omit<JwtOptions, 'clock' | 'logger'>
  readonly callsPerSecond: number
}

export interface SecurityPorts {
  readonly log: Log
  readonly registry: SchemaRegistry
  readonly clock: Clock
  readonly logger: Logger
  readonly instanceId: string
}

export interface Security {
  readonly guard: Guard
  /** For the server; absent: plaintext. */
  readonly serverCredentials?: ServerCredentials
  /** For calls of other instances; absent: plaintext. */
  readonly channelCredentials?: ChannelCredentials
  /** Waits for what is still to be recorded. */
  close(): Promise<void>
}

/** The topic of audit records must be there. @throws CONFIGURATION_INVALID; SCHEMA_NOT_REGISTERED, REGISTRY_UNAVAILABLE */
export async function openSecurity(settings: SecuritySettings, ports: SecurityPorts): Promise<Security> {
  const { clock, logger } = ports
  const { tokenFile, jwt, certificateRoles, callsPerSecond } = settings
  const tokens = tokenFile === undefined ? undefined : watchTokens(tokenFile, ports)
  const certificates = certificatesOf(settings, ports)
  const auditLog = await AuditLog.open(ports)
  const guard = secureGuard({
    clock,
    callsPerSecond,
    auditLog,
    ...(tokens === undefined ? {} : { tokens: () => tokens.current }),
    ...(jwt === undefined ? {} : { jwt: jwtVerifier({ ...jwt, clock, logger }) }),
    ...(certificateRoles === undefined ? {} : { certificates: certificateRoles }),
  })
  return {
    guard,
    ...(certificates === undefined
      ? {}
      : {
          serverCredentials: certificates.serverCredentials(),
          channelCredentials: certificates.channelCredentials(),
        }),
    close: () => auditLog.close(),
  }
}

function watchTokens(path: string, { clock, logger }: SecurityPorts) {
  try {
    return new WatchedFiles({
      name: 'tokens',
      paths: [path],
      parse: ([content]) => parseTokenFile(content!.toString('utf8'), path),
      clock,
      logger,
    })
  } catch (error) {
    if (error instanceof StreamsError) throw error
    throw new StreamsError(
      'CONFIGURATION_INVALID',
      `the file of tokens ${path} cannot be read: ${messageOf(error)}`,
      {
        details: { path },
        cause: error,
      },
    )
  }
}

function certificatesOf(
  settings: SecuritySettings,
  { clock, logger }: SecurityPorts,
): Certificates | undefined {
  const { certificates: files, certificateRoles, tokenFile, jwt } = settings
  if (files === undefined) return undefined
  const certificates = new Certificates({
    files,
    isClientCertificateRequired: files.clientCa !== undefined && tokenFile === undefined && jwt === undefined,
    clock,
    logger,
  })
  if (certificateRoles !== undefined && roleOf(certificateRoles, certificates.names) !== 'instance') {
    logger.warn(
      { names: certificates.names },
      'no rule gives the certificate of this instance the role instance: other instances take no calls from it',
    )
  }
  return certificates
}
