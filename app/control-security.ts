/** The settings that guard the control server, checked together before anything is opened, and as the server takes them. */

import type { ServerLimits } from '../control/server/control-server.ts'
import type { SecuritySettings } from '../control/server/security/open-security.ts'
import {
  type GrantedRole,
  parseRoleMapping,
  type RoleMapping,
} from '../control/server/security/role-mapping.ts'
import { messageOf } from '../streams/index.ts'
import { ConfigError, waysToSet } from './config.ts'
import type { Config, SettingName } from './config-schema.ts'

/**
 * @param host that the control server listens on
 * @throws ConfigError naming all that is missing or does not go together
 */
export function controlSecurityOf(config: Config, host: string): SecuritySettings {
  const problems: string[] = []
  const certificateRoles = certificateRolesOf(config, problems)
  const certificates = certificatesOf(config, problems)
  const jwt = jwtOf(config, problems)
  checkReach(config, host, problems)
  if (problems.length > 0) throw new ConfigError(problems)
  return {
    ...(certificates === undefined ? {} : { certificates }),
    ...(certificateRoles === undefined ? {} : { certificateRoles }),
    ...(config.controlTokenFile === '' ? {} : { tokenFile: config.controlTokenFile }),
    ...(jwt === undefined ? {} : { jwt }),
    callsPerSecond: config.controlCallsPerSecond,
  }
}

export function controlLimitsOf(config: Config): Partial<ServerLimits> {
  return {
    receivedMessageMaxBytes: config.controlMaxMessageBytes,
    maxConcurrentStreams: config.controlMaxStreams,
    maxConnections: config.controlMaxConnections,
  }
}

/** Whether only this machine reaches an address. */
export function isLoopback(host: string): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|::1|\[::1\])$/i.test(host)
}

function checkReach(config: Config, host: string, problems: string[]): void {
  if (isLoopback(host) || config.controlInsecure === 'on') return
  const where = `the control server is to listen on ${host}, which others reach`
  if (config.controlTlsCertFile === '') {
    problems.push(
      `${where}, without TLS: set controlTlsCertFile and controlTlsKeyFile, or controlHost to 127.0.0.1, or controlInsecure to on ` +
        `if something else encrypts (${waysToSet('controlInsecure')})`,
    )
  }
  const ways: readonly SettingName[] = ['controlClientCaFile', 'controlTokenFile', 'controlJwks']
  if (ways.every((name) => config[name] === '')) {
    problems.push(
      `${where}, and it asks nobody for credentials: set one of ${ways.join(', ')}, or controlInsecure to on if everybody who ` +
        'reaches it may do everything',
    )
  }
}

function certificatesOf(config: Config, problems: string[]): SecuritySettings['certificates'] {
  const { controlTlsCertFile: cert, controlTlsKeyFile: key } = config
  if ((cert === '') !== (key === '')) {
    const names = ['controlTlsCertFile', 'controlTlsKeyFile'] as const
    const [given, absent] = cert === '' ? [names[1], names[0]] : names
    problems.push(`${given} is set without ${absent}: set that with ${waysToSet(absent)}`)
  }
  if (cert === '') {
    for (const name of ['controlClientCaFile', 'controlPeerCaFile'] as const) {
      if (config[name] !== '')
        problems.push(`${name} is set, but no TLS: set controlTlsCertFile and controlTlsKeyFile, too`)
    }
    return undefined
  }
  const { controlClientCaFile: clientCa, controlPeerCaFile: peerCa } = config
  return { cert, key, ...(clientCa === '' ? {} : { clientCa }), ...(peerCa === '' ? {} : { peerCa }) }
}

function certificateRolesOf(config: Config, problems: string[]): RoleMapping<GrantedRole> | undefined {
  const { controlClientCaFile: clientCa, controlClientRoles: rules } = config
  if ((clientCa === '') !== (rules === '')) {
    problems.push(
      clientCa === ''
        ? 'controlClientRoles is set, but controlClientCaFile is not: nobody is asked for a certificate'
        : `controlClientCaFile is set, but controlClientRoles gives no role to anybody: set that with ${waysToSet('controlClientRoles')}`,
    )
  }
  if (clientCa === '') return undefined
  return mapping(rules, ['viewer', 'operator', 'instance'], 'controlClientRoles', problems)
}

function jwtOf(config: Config, problems: string[]): SecuritySettings['jwt'] {
  const { controlJwks: jwks, controlJwtIssuer: issuer, controlJwtAudience: audience } = config
  if (jwks === '') {
    for (const name of ['controlJwtIssuer', 'controlJwtAudience'] as const)
      if (config[name] !== '')
        problems.push(`${name} is set, but controlJwks, the keys of the issuer, is not`)
    return undefined
  }
  for (const name of ['controlJwtIssuer', 'controlJwtAudience'] as const) {
    if (config[name] === '')
      problems.push(
        `${name} is missing: without it a JWT that was made for something else would be good here, too; set it with ${waysToSet(name)}`,
      )
  }
  if (/^http:/.test(jwks) && !(URL.canParse(jwks) && isLoopback(new URL(jwks).hostname)))
    problems.push(`controlJwks is ${jwks}; whoever can change what comes over http: could log in: use https:`)
  return {
    jwks,
    issuer,
    audience,
    algorithms: config.controlJwtAlgorithms.split(',').map((algorithm) => algorithm.trim()),
    clockSkewMs: config.controlJwtClockSkewMs,
    roleClaim: config.controlJwtRoleClaim,
    roles: mapping(config.controlJwtRoles, ['viewer', 'operator'], 'controlJwtRoles', problems),
  }
}

function mapping<R extends string>(
  rules: string,
  roles: readonly R[],
  setting: SettingName,
  problems: string[],
): RoleMapping<R> {
  try {
    return parseRoleMapping(rules, roles, setting)
  } catch (error) {
    problems.push(messageOf(error))
    return []
  }
}
