import { describe, expect, it } from 'vitest'
import { migrate } from '../../sql/migrate.ts'
import { servers } from '../support/sql-databases.ts'
import { startTypeScript } from '../support/typescript-process.ts'

const program = new URL('./processes/write-sql-rows.ts', import.meta.url)

for (const server of servers) {
  describe.skipIf(server.skipped)(`SQL sink killed with SIGKILL: ${server.title}`, () => {
    it('should lose what was prepared, keep what was committed, and go on from there', async () => {
      const home = await server.create()
      try {
        await migrate(home.database)
        const stored = async () => {
          const amounts = await home.database.query(
            'SELECT order_id, updated_time FROM order_header ORDER BY order_id',
          )
          return amounts.map((row) => Number(String(row['updated_time']).slice(-3)))
        }
        const killAt = async (point: string, position: number) => {
          const writer = startTypeScript(program, home.url, point)
          await writer.lines(2)
          writer.child.kill('SIGKILL')
          const { stdout, signal } = await writer.ended
          expect(signal).toBe('SIGKILL')
          expect(stdout).toContain(`open ${position}\n`)
        }
        await killAt('until-prepared', 0)
        expect(await stored()).toEqual([])
        await killAt('until-committed', 0)
        expect(await stored()).toEqual([9, 7, 8])
        await killAt('until-prepared', 10)
        expect(await stored()).toEqual([9, 7, 8])
        await killAt('until-committed', 10)
        const undisturbed = startTypeScript(program, home.url, '100')
        expect((await undisturbed.ended).stdout).toBe('open 20\n')
        expect(await stored()).toEqual([99, 97, 98])
      } finally {
        await home.dispose()
      }
    })
  })
}
