import { describe, expect, it } from 'vitest'
import { configurationPage } from './config-page.ts'

describe('docs/configuration.md', () => {
  it('should tell of every setting its default, range, environment variable and purpose, as the program has them', async () => {
    await expect(configurationPage()).toMatchFileSnapshot('../docs/configuration.md')
  })

  it('should have a row for each setting, with the short variables too', () => {
    const page = configurationPage()
    expect(page).toContain(
      '| `apiPort` | `8081` | a whole number from 0 to 65535 | `ORDER_STREAMS_API_PORT`<br>`API_PORT` | The port',
    )
    expect(page).toContain('| `durability` | `power-failure` | one of power-failure, process-crash |')
  })
})
