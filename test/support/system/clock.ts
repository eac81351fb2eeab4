import { spawnSync } from 'node:child_process';
import { closeSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryDirectory } from '../directory.js';

/** A wall clock that a test can set, for all programs that are started with its environment. */
export class Clock {
  readonly env: NodeJS.ProcessEnv;
  readonly #file: string;
  #offset = 0;

  private constructor(directory: string) {
    this.#file = join(directory, 'offset');
    this.env = { LD_PRELOAD: join(directory, 'clock.so'), CLOCK_OFFSET: this.#file };
    closeSync(openSync(this.#file, 'w'));
    this.set(0);
  }

  /** Creates a clock until the test ends. Returns `undefined` if there is no C compiler. */
  static create(): Clock | undefined {
    const directory = temporaryDirectory();
    const args = ['-O2', '-shared', '-fPIC', '-x', 'c', '-', '-o', join(directory, 'clock.so')];
    return spawnSync('gcc', args, { input: LIBRARY, stdio: ['pipe', 'ignore', 'inherit'] }).status === 0
      ? new Clock(directory)
      : undefined;
  }

  /** Sets the clock. @param seconds how far it is ahead of the machine's */
  set(seconds: number): void {
    this.#offset = seconds;
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(BigInt(seconds));
    // Write in place, since the programs have mapped the file.
    const descriptor = openSync(this.#file, 'r+');
    writeSync(descriptor, bytes, 0, bytes.length, 0);
    closeSync(descriptor);
  }

  /** Returns the milliseconds since the Unix epoch, by this clock. */
  now = (): number => Date.now() + this.#offset * 1000;
}

/**
 * A library for LD_PRELOAD. Adds the seconds in the file $CLOCK_OFFSET to the wall clock, a 64-bit number that may change at any
 * time. libfaketime does not work with the allocator of redis-server.
 */
const LIBRARY = String.raw`
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile int64_t *offset;

__attribute__((constructor)) static void map_offset(void) {
    int descriptor = open(getenv("CLOCK_OFFSET"), O_RDONLY | O_CLOEXEC);
    void *page = mmap(NULL, sizeof *offset, PROT_READ, MAP_SHARED, descriptor, 0);
    if (page == MAP_FAILED) _exit(99);
    offset = page;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int result = syscall(SYS_clock_gettime, clock, now);
    if (result == 0 && offset && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += *offset;
    return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec exact;
    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &exact)) return -1;
    *now = (struct timeval){ .tv_sec = exact.tv_sec, .tv_usec = exact.tv_nsec / 1000 };
    return 0;
}

time_t time(time_t *result) {
    struct timespec exact;
    if (clock_gettime(CLOCK_REALTIME, &exact)) return -1;
    if (result) *result = exact.tv_sec;
    return exact.tv_sec;
}
`;
