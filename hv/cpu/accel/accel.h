/* The accelerator: Unicorn's hooks in C.
 *
 * What a hook needs millions of times a second is done here: counting retired instructions, stopping at
 * a deadline, finding out where inside its block an exit happened, RDTSC. Everything else is a call into
 * Python. hv/cpu/twin.py is the twin in Python; both give the same numbers to the last digit, and the
 * tests run both.
 *
 * Counting. A block hook runs before its block and carries (pc, size) but not the number of instructions,
 * which the edge hook told when the block was translated. The table joins the two. The same (pc, size) may
 * stand for different code in different address spaces: such an entry is marked ambiguous and its count is
 * asked from Unicorn at every execution.
 */
#ifndef HV_ACCEL_H
#define HV_ACCEL_H

#define Py_LIMITED_API 0x030B0000
#include <Python.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(__GNUC__)
#define SELDOM __attribute__((noinline, cold))
#define OFTEN(x) __builtin_expect(!!(x), 1)
#else
#define SELDOM
#define OFTEN(x) (x)
#endif

enum { STATE_RIP = 128, STATE_RFLAGS = 136, STATE_HFLAGS = 176, STATE_HFLAGS2 = 180, STATE_CS_BASE = 216 };
enum { HF2_NMI_BLOCKED = 1 << 2 };
enum {
    HF_CPL = 3, HF_INHIBIT_IRQ = 1 << 3, HF_CS32 = 1 << 4, HF_SS32 = 1 << 5, HF_IOPL_SHIFT = 12,
    HF_CS64 = 1 << 15, HF_VM = 1 << 17
};
enum { RFLAGS_TF = 1 << 8, RFLAGS_IF = 1 << 9 };
enum {
    FLAG_STOP = 1, FLAG_WINDOW = 2, FLAG_ABORT = 4, FLAG_NMI_WINDOW = 8, FLAG_RELEASE = 16,
    FLAG_RESUME = 32, FLAG_MIDWAY = 64, FLAG_STEP = 128, FLAG_HIT = 256, FLAG_STOPPED = 512,
    FLAG_WATCHED = 1024
};
enum { EXIT_RDTSC = 0x16e };
enum { LONG_BLOCK = 24 };  /* instructions, hv/cpu/pace.py */
enum { PROT_EXEC_ACCESS = 4 };
enum { PAGE_SHIFT = 12, PAGE_SIZE = 1 << PAGE_SHIFT };
enum { PAGE_DATA, PAGE_CODE, PAGE_LEAVING };  /* hv/cpu/pace.py */
enum { KIND_RDTSC = 6 };  /* hv.cpu.decode.InsnClass.RDTSC */

typedef struct { uint64_t pc; uint16_t icount; uint16_t size; } uc_tb;

/* Shared with Python as a memoryview of u64: keep in step with hv.cpu.pace. */
typedef struct {
    uint64_t count;        /* retired, the current block taken as whole */
    uint64_t deadline;     /* virtual time: stop before the first block at or past it */
    uint64_t flags;
    uint64_t now;          /* retired, exact, as of the exit being handled */
    uint64_t block;        /* the block being run, opaque to Python; 0 between blocks */
    uint64_t extra;        /* virtual time beside instructions: exits' costs, time spent halted */
    uint64_t tsc_adjust;   /* RDTSC = virtual time + this */
    uint64_t cpi;          /* cycles for an instruction, in 1/1024 */
    uint64_t rdtsc_cost;
    uint64_t rdtsc_exits;
    uint64_t unknown_blocks;  /* executions whose count had to be asked for */
    uint64_t window_checks;
    uint64_t resume_pc, resume_count;  /* where a debugger goes on: linear address, instructions retired */
    uint64_t left_pc, left_end;        /* the block that it stopped in */
    uint64_t hit;                      /* the watched memory that was accessed: its first physical address */
} pace_t;

/* Virtual time when so many instructions have retired. */
static inline uint64_t vtime(const pace_t *p, uint64_t insns) { return (insns * p->cpi >> 10) + p->extra; }

enum { EMPTY, KNOWN, AMBIGUOUS };
enum { RESTART_UNKNOWN, RESTART_NO, RESTART_YES };

/* A block in two parts: what every execution looks at, small for the cache's sake, and the rest. */
typedef struct {
    uint64_t pc;
    uint32_t size;
    uint16_t icount;
    uint8_t state;
} block_t;

typedef struct {
    uint64_t content, gpa;
    uint8_t restart;
    uint8_t shared;        /* the same bytes were seen at two physical addresses */
} detail_t;

typedef struct { uint64_t pc, content, packed; uint32_t size, off; } insn_t;

enum { H_RESOLVE, H_IN, H_OUT, H_INTR, H_CPUID, H_SYSCALL, H_INVALID, H_PRIVILEGED, HANDLERS };

typedef struct {
    pace_t *pace;
    uint8_t *code_pages;   /* a byte a page, PAGE_DATA to PAGE_LEAVING */
    Py_buffer pace_buffer, code_buffer;
    void *uc, *context;
    const uint8_t *state;          /* inside the context, behind its header */
    int (*emu_stop)(void *);
    int (*context_save)(void *, void *);
    int (*context_restore)(void *, void *);
    int (*ctl)(void *, int, ...);
    int (*vmem_translate)(void *, uint64_t, uint32_t, uint64_t *);
    int (*mem_read)(void *, uint64_t, void *, uint64_t);
    int request_cache, tlb_flush;
    uint64_t *mapping_pointer, *bounds;  /* inside Unicorn: hv/cpu/engine/watch.py */
    void *(*mapping)(void *, uint64_t);
    uint64_t asked;        /* the address that on_mapping was called for last */
    uint32_t *stores;      /* by page: stores into it while it held code */
    block_t *blocks;
    detail_t *details;
    block_t scratch;       /* stands for a block that the table cannot vouch for */
    size_t block_mask, block_used;
    insn_t *insns;
    size_t insn_mask, insn_used;
    PyObject *handlers[HANDLERS];
    PyObject *error;
} accel_t;

static inline uint64_t load64(const accel_t *a, int at) { uint64_t v; memcpy(&v, a->state + at, 8); return v; }
static inline uint32_t load32(const accel_t *a, int at) { uint32_t v; memcpy(&v, a->state + at, 4); return v; }
static inline void store32(accel_t *a, int at, uint32_t v) { memcpy((uint8_t *)a->state + at, &v, 4); }
static inline void store64(accel_t *a, int at, uint64_t v) { memcpy((uint8_t *)a->state + at, &v, 8); }

static inline void save(accel_t *a) { a->context_save(a->uc, a->context); }

static inline size_t mix(uint64_t pc, uint64_t more)
{
    return (size_t)((pc + more * 0x9E3779B1u) * 0x9E3779B97F4A7C15ull >> 24);
}

static inline block_t *block_slot(block_t *table, size_t mask, uint64_t pc, uint32_t size)
{
    size_t i = mix(pc, size) & mask;
    while (table[i].state != EMPTY && (table[i].pc != pc || table[i].size != size))
        i = (i + 1) & mask;
    return &table[i];
}

static inline block_t *running(const accel_t *a) { return (block_t *)(uintptr_t)a->pace->block; }

/* tables.c */
int blocks_grow(accel_t *a);
insn_t *insn_slot(insn_t *table, size_t mask, uint64_t pc, uint32_t size, uint32_t off, uint64_t content);
void insn_learn(accel_t *a, const insn_t *item);

/* locate.c */
void carry_error(accel_t *a);
long long call(accel_t *a, int handler, const char *format, uint64_t x, uint64_t y, uint64_t z);
uint64_t resolve(accel_t *a, uint64_t pc, uint64_t off);
uint64_t locate(accel_t *a);
void leave_block(accel_t *a);

/* blocks.c */
void on_edge(void *uc, uc_tb *tb, uc_tb *prev, void *user);
void on_block(void *uc, uint64_t pc, uint32_t size, void *user);

/* stops.c */
void on_stop(void *uc, uint64_t address, uint32_t size, void *user);
void on_next(void *uc, uint64_t address, uint32_t size, void *user);
void on_every(void *uc, uint64_t address, uint32_t size, void *user);
void on_access(void *uc, int type, uint64_t address, int size, int64_t value, void *user);

/* coverage.c */
PyObject *coverage(PyObject *self, PyObject *args);
PyObject *settle_coverage(PyObject *self, PyObject *capsule);

/* watch.c */
int watch_begin(accel_t *a);
void watch_end(const accel_t *a);
void watch_page(accel_t *a, uint64_t gpa);
void watch_block(accel_t *a, uint64_t pc, uint32_t size);
void *on_mapping(void *uc, uint64_t gpa);

/* exits.c */
uint32_t on_in(void *uc, uint32_t port, int size, void *user);
void on_out(void *uc, uint32_t port, int size, uint32_t value, void *user);
void on_intr(void *uc, uint32_t number, void *user);
int on_cpuid(void *uc, void *user);
void on_syscall(void *uc, void *user);
int on_invalid(void *uc, void *user);
int on_mmio(void *uc, int type, uint64_t address, int size, int64_t value, void *user);

#endif
