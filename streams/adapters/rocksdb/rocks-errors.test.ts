import { describe, expect, it } from 'vitest'
import { StreamsError } from '../../errors.ts'
import { storeError } from './rocks-errors.ts'

function coded(code: string | undefined, message: string): Error {
  return Object.assign(new Error(message), code === undefined ? {} : { code })
}

describe('storeError', () => {
  it.each([
    [
      'LEVEL_LOCKED',
      'IO error: While lock file: /d/LOCK: Resource temporarily unavailable',
      'STATE_DIRECTORY_LOCKED',
    ],
    ['LEVEL_CORRUPTION', 'Corruption: block checksum mismatch in /d/000008.sst', 'STATE_CORRUPT'],
    [
      'LEVEL_IO_ERROR',
      'IO error: No such file or directory: While opening a file for sequentially reading: /d/MANIFEST-000004',
      'STATE_CORRUPT',
    ],
    [
      'LEVEL_IO_ERROR',
      'IO error: No space left on device: While appending to file: /d/000009.log',
      'STORAGE_FULL',
    ],
    ['ENOSPC', 'ENOSPC: no space left on device, mkdir', 'STORAGE_FULL'],
    [
      'LEVEL_IO_ERROR',
      'IO error: Permission denied: While opening /d/000009.log',
      'STATE_DIRECTORY_UNUSABLE',
    ],
    ['EACCES', 'EACCES: permission denied, mkdir', 'STATE_DIRECTORY_UNUSABLE'],
    ['ENOTDIR', 'ENOTDIR: not a directory, mkdir', 'STATE_DIRECTORY_UNUSABLE'],
    [undefined, 'Invalid argument: something', 'STATE_DIRECTORY_UNUSABLE'],
  ])('should take %s "%s" for %s and name database, directory and cause', (code, message, expected) => {
    const cause = coded(code, message)
    const error = storeError('tasks/0', '/d', cause)
    expect(error).toMatchObject({ code: expected, cause, details: { name: 'tasks/0', directory: '/d' } })
    expect(error.message).toContain('"tasks/0" in /d')
    expect(error.message).toContain(message)
  })

  it('should leave an error of the engine as it is', () => {
    const error = new StreamsError('CLOSED', 'closed')
    expect(storeError('a', '/d', error)).toBe(error)
  })
})
