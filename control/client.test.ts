import { promises as nameServers } from 'node:dns'
import { expect, it, vi } from 'vitest'
import { openControlClient } from './client.ts'
import { HealthService } from './generated/health/v1/health.ts'

it('should ask no name server for settings of the channel, which keeps a process from ending where there is none', async () => {
  const asked = vi.spyOn(nameServers, 'resolveTxt')
  const client = openControlClient({ address: 'localhost:1', timeoutMs: 1000 })
  await expect(client.call(HealthService.check, { service: '' })).rejects.toThrow('ECONNREFUSED')
  client.close()
  expect(asked).not.toHaveBeenCalled()
  asked.mockRestore()
})
