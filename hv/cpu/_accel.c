/* The accelerator: Unicorn's hooks in C.
 *
 * What a hook needs millions of times a second is done here: counting retired instructions, stopping at
 * a deadline, finding out where inside its block an exit happened, RDTSC. Everything else is a call into
 * Python. hv/cpu/pace.py is the twin in Python; both give the same numbers to the last digit, and the
 * tests run both.
 *
 * Counting. A block hook runs before its block and carries (pc, size) but not the number of instructions,
 * which the edge hook told when the block was translated. The table joins the two. The same (pc, size) may
 * stand for different code in different address spaces: such an entry is marked ambiguous and its count is
 * asked from Unicorn at every execution.
 */
#define Py_LIMITED_API 0x030B0000
#include <Python.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* What runs once in a thousand blocks must not cost the others a stack frame. */
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
enum { FLAG_STOP = 1, FLAG_WINDOW = 2, FLAG_ABORT = 4, FLAG_NMI_WINDOW = 8 };
enum { EXIT_RDTSC = 0x16e };
enum { PROT_EXEC_ACCESS = 4 };
enum { KIND_RDTSC = 6 };  /* hv.cpu.decode.InsnClass.RDTSC */

typedef struct { uint64_t pc; uint16_t icount; uint16_t size; } uc_tb;

/* Shared with Python as a memoryview of u64: keep in step with hv.cpu.pace. */
typedef struct {
    uint64_t count;        /* retired, the current block taken as whole */
    uint64_t deadline;     /* virtual time: stop before the first block at or past it */
    uint64_t flags;
    uint64_t now;          /* retired, exact, as of the exit being handled */
    uint64_t block;        /* the block being run, opaque to Python; 0 between blocks */
    uint64_t extra;        /* virtual time = retired + this: exits' costs, time spent halted */
    uint64_t tsc_adjust;   /* RDTSC = virtual time + this */
    uint64_t port_cost, mmio_cost, cpuid_cost, rdtsc_cost;
    uint64_t rdtsc_exits;
    uint64_t unknown_blocks;  /* executions whose count had to be asked for */
    uint64_t window_checks;
} pace_t;

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
    uint8_t *code_pages;   /* a byte a page: it holds translated code */
    Py_buffer pace_buffer, code_buffer;
    void *uc, *context;
    const uint8_t *state;          /* inside the context, behind its header */
    int (*emu_stop)(void *);
    int (*context_save)(void *, void *);
    int (*context_restore)(void *, void *);
    int (*ctl)(void *, int, ...);
    int (*vmem_translate)(void *, uint64_t, uint32_t, uint64_t *);
    int (*mem_read)(void *, uint64_t, void *, uint64_t);
    int request_cache;
    block_t *blocks;
    detail_t *details;
    block_t scratch;       /* stands for a block that the table cannot vouch for */
    size_t block_mask, block_used;
    insn_t *insns;
    size_t insn_mask, insn_used;
    PyObject *handlers[HANDLERS];
    PyObject *error;
} accel_t;

static uint64_t load64(const accel_t *a, int at) { uint64_t v; memcpy(&v, a->state + at, 8); return v; }
static uint32_t load32(const accel_t *a, int at) { uint32_t v; memcpy(&v, a->state + at, 4); return v; }
static void store32(accel_t *a, int at, uint32_t v) { memcpy((uint8_t *)a->state + at, &v, 4); }
static void store64(accel_t *a, int at, uint64_t v) { memcpy((uint8_t *)a->state + at, &v, 8); }

static void save(accel_t *a) { a->context_save(a->uc, a->context); }

/* ---- tables ---------------------------------------------------------------------------------------- */

static size_t mix(uint64_t pc, uint64_t more)
{
    return (size_t)((pc + more * 0x9E3779B1u) * 0x9E3779B97F4A7C15ull >> 24);
}

static block_t *block_slot(block_t *table, size_t mask, uint64_t pc, uint32_t size)
{
    size_t i = mix(pc, size) & mask;
    while (table[i].state != EMPTY && (table[i].pc != pc || table[i].size != size))
        i = (i + 1) & mask;
    return &table[i];
}

static int blocks_grow(accel_t *a)
{
    size_t mask = a->block_mask * 2 + 1;
    block_t *bigger = calloc(mask + 1, sizeof *bigger);
    detail_t *details = calloc(mask + 1, sizeof *details);
    if (!bigger || !details) {
        free(bigger);
        free(details);
        return -1;
    }
    for (size_t i = 0; i <= a->block_mask; i++)
        if (a->blocks[i].state != EMPTY) {
            block_t *slot = block_slot(bigger, mask, a->blocks[i].pc, a->blocks[i].size);
            *slot = a->blocks[i];
            details[slot - bigger] = a->details[i];
        }
    free(a->blocks);
    free(a->details);
    a->blocks = bigger;
    a->details = details;
    a->block_mask = mask;
    a->pace->block = 0;  /* between blocks: this is called while one is translated */
    return 0;
}

static insn_t *insn_slot(insn_t *table, size_t mask, uint64_t pc, uint32_t size, uint32_t off, uint64_t content)
{
    size_t i = mix(pc + off, content) & mask;
    while (table[i].packed && (table[i].pc != pc || table[i].size != size || table[i].off != off ||
                               table[i].content != content))
        i = (i + 1) & mask;
    return &table[i];
}

static void insn_learn(accel_t *a, const insn_t *item)
{
    if (a->insn_used * 2 > a->insn_mask) {
        size_t mask = a->insn_mask * 2 + 1;
        insn_t *bigger = calloc(mask + 1, sizeof *bigger);
        if (!bigger)
            return;
        for (size_t i = 0; i <= a->insn_mask; i++) {
            const insn_t *o = &a->insns[i];
            if (o->packed)
                *insn_slot(bigger, mask, o->pc, o->size, o->off, o->content) = *o;
        }
        free(a->insns);
        a->insns = bigger;
        a->insn_mask = mask;
    }
    insn_t *slot = insn_slot(a->insns, a->insn_mask, item->pc, item->size, item->off, item->content);
    a->insn_used += slot->packed == 0;
    *slot = *item;
}

/* ---- calls into Python ------------------------------------------------------------------------------ */

static void carry_error(accel_t *a)
{
    PyObject *type, *value, *trace;
    PyErr_Fetch(&type, &value, &trace);
    PyErr_NormalizeException(&type, &value, &trace);
    if (trace && value)
        PyException_SetTraceback(value, trace);
    Py_XDECREF(type);
    Py_XDECREF(trace);
    if (!a->error)
        a->error = value;
    else
        Py_XDECREF(value);
    a->pace->flags |= FLAG_STOP;
}

static long long call(accel_t *a, int handler, const char *format, uint64_t x, uint64_t y, uint64_t z)
{
    long long answer = 0;
    PyGILState_STATE gil = PyGILState_Ensure();
    PyObject *result = PyObject_CallFunction(a->handlers[handler], format, x, y, z);
    if (result && result != Py_None) {
        answer = PyLong_AsLongLong(result);
        if (answer == -1 && PyErr_Occurred())
            carry_error(a);
    } else if (!result) {
        carry_error(a);
    }
    Py_XDECREF(result);
    PyGILState_Release(gil);
    return answer;
}

/* Instructions from pc to pc+off, and what stands at pc+off: packed as count | class<<16 | length<<24 | imm<<32,
 * with bit 63 set so that a packed word is never zero. */
static uint64_t resolve(accel_t *a, uint64_t pc, uint64_t off)
{
    return (uint64_t)call(a, H_RESOLVE, "KK", pc, off, 0) | 1ull << 63;
}

/* ---- where are we ----------------------------------------------------------------------------------- */

static block_t *running(const accel_t *a) { return (block_t *)(uintptr_t)a->pace->block; }

/* Sets pace.now to the instructions retired before the one at RIP; returns what the decoder knows of that one.
 * The state must have been saved. */
static uint64_t locate(accel_t *a)
{
    pace_t *p = a->pace;
    const block_t *b = running(a);
    p->now = p->count;
    if (!b)
        return 0;
    uint64_t rip = load64(a, STATE_RIP) + load64(a, STATE_CS_BASE);
    if (!(load32(a, STATE_HFLAGS) & HF_CS64))
        rip = (uint32_t)rip;
    uint64_t off = rip - b->pc;
    if (off >= b->size)
        return 0;
    uint64_t packed = 0;
    if (b->state == KNOWN) {
        uint64_t content = a->details[b - a->blocks].content;
        packed = insn_slot(a->insns, a->insn_mask, b->pc, b->size, (uint32_t)off, content)->packed;
        if (!packed) {
            packed = resolve(a, b->pc, off);
            insn_t item = { b->pc, content, packed, b->size, (uint32_t)off };
            insn_learn(a, &item);
        }
    } else {
        packed = resolve(a, b->pc, off);
    }
    p->now = p->count - b->icount + (packed & 0xffff);
    return packed & ~(1ull << 63);
}

/* An exit that left its block: nothing behind RIP will run. */
static void leave_block(accel_t *a)
{
    a->pace->count = a->pace->now;
    a->pace->block = 0;
}

/* ---- hooks ------------------------------------------------------------------------------------------ */

static void on_edge(void *uc, uc_tb *tb, uc_tb *prev, void *user)
{
    accel_t *a = user;
    (void)uc; (void)prev;
    uint8_t bytes[8192];
    uint64_t content = 14695981039346656037ull, gpa = ~0ull, got = 0;
    save(a);
    while (got < tb->size) {
        uint64_t here = tb->pc + got, at, n = 4096 - (here & 4095);
        if (n > tb->size - got)
            n = tb->size - got;
        if (a->vmem_translate(a->uc, here, PROT_EXEC_ACCESS, &at) || a->mem_read(a->uc, at, bytes + got, n))
            break;
        if (!got)
            gpa = at;
        if (at >> 12 < (uint64_t)a->code_buffer.len)
            a->code_pages[at >> 12] = 1;
        got += n;
    }
    for (uint64_t i = 0; i < got; i++)
        content = (content ^ bytes[i]) * 1099511628211ull;
    content = (content ^ (load32(a, STATE_HFLAGS) & (HF_CS32 | HF_CS64))) * 1099511628211ull;

    block_t *b = block_slot(a->blocks, a->block_mask, tb->pc, tb->size);
    if (b->state == EMPTY) {
        if (a->block_used * 2 > a->block_mask) {
            if (blocks_grow(a))
                return;
            b = block_slot(a->blocks, a->block_mask, tb->pc, tb->size);
        }
        a->block_used++;
        b->pc = tb->pc;
        b->size = tb->size;
        b->state = KNOWN;
        a->details[b - a->blocks] = (detail_t){ .gpa = gpa };
    }
    detail_t *d = &a->details[b - a->blocks];
    if (d->gpa != gpa || d->shared) {
        /* Another page at the same linear address. Equal bytes may share the entry, others may not;
         * at the same physical address the new bytes replace the old, which cannot run any more. */
        if (d->content != content || b->icount != tb->icount)
            b->state = AMBIGUOUS;
        d->shared = 1;
    }
    if (got < tb->size)
        b->state = AMBIGUOUS;
    if (d->content != content)
        d->restart = RESTART_UNKNOWN;
    d->content = content;
    d->gpa = gpa;
    b->icount = tb->icount;
}

/* The count of a block that the table cannot vouch for. */
static uint32_t ask_icount(accel_t *a, uint64_t pc, uint32_t size)
{
    uc_tb tb = { 0, 0, 0 };
    a->pace->unknown_blocks++;
    if (!a->ctl(a->uc, a->request_cache, pc, &tb) && tb.pc == pc && tb.size == size)
        return tb.icount;
    save(a);
    return (uint32_t)(resolve(a, pc, size) & 0xffff);
}

/* True when the block must not run. Called when the deadline has come or a flag is set. */
static SELDOM int held_up(accel_t *a)
{
    pace_t *p = a->pace;
    if (p->count + p->extra < p->deadline && !(p->flags & (FLAG_STOP | FLAG_ABORT))) {
        p->window_checks++;
        save(a);
        int interrupt = p->flags & FLAG_WINDOW && load64(a, STATE_RFLAGS) & RFLAGS_IF;
        int nmi = p->flags & FLAG_NMI_WINDOW && !(load32(a, STATE_HFLAGS2) & HF2_NMI_BLOCKED);
        if (!(interrupt || nmi) || load32(a, STATE_HFLAGS) & HF_INHIBIT_IRQ)
            return 0;
    }
    p->now = p->count;
    p->block = 0;
    a->emu_stop(a->uc);
    return 1;
}

/* One instruction inside the block before it: either a jump back, or Unicorn running a store again that
 * changed the block it stands in. Only a control transfer can be the former. */
static void check_restart(accel_t *a, const block_t *before, const block_t *b)
{
    pace_t *p = a->pace;
    int restart = b->state == KNOWN ? a->details[b - a->blocks].restart : RESTART_UNKNOWN;
    if (restart == RESTART_UNKNOWN) {
        save(a);
        restart = resolve(a, b->pc, 0) >> 16 & 0x80 ? RESTART_NO : RESTART_YES;
        if (b->state == KNOWN)
            a->details[b - a->blocks].restart = restart;
    }
    if (restart == RESTART_YES) {
        uint64_t packed = resolve(a, before->pc, b->pc - before->pc);
        p->count = p->count - before->icount + (packed & 0xffff);
    }
}

/* A block that the table does not hold for sure, or of one instruction. */
static SELDOM void enter_seldom(accel_t *a, uint64_t pc, uint32_t size)
{
    const block_t *before = running(a);
    block_t was = before ? *before : (block_t){ 0 };
    block_t *b = block_slot(a->blocks, a->block_mask, pc, size);
    if (b->state != KNOWN) {
        a->scratch = (block_t){ pc, size, (uint16_t)ask_icount(a, pc, size), AMBIGUOUS };
        b = &a->scratch;
    }
    if (b->icount == 1 && was.icount > 1 && pc - was.pc < was.size)
        check_restart(a, &was, b);
    a->pace->block = (uintptr_t)b;
    a->pace->count += b->icount;
}

static SELDOM void on_block_seldom(accel_t *a, uint64_t pc, uint32_t size)
{
    if (!held_up(a))
        enter_seldom(a, pc, size);
}

static void on_block(void *uc, uint64_t pc, uint32_t size, void *user)
{
    accel_t *a = user;
    pace_t *p = a->pace;
    (void)uc;
    if (OFTEN(p->count + p->extra < p->deadline && !p->flags)) {
        block_t *b = running(a);
        if (b && b->pc == pc && b->size == size && b->state == KNOWN) {
            p->count += b->icount;  /* a loop of one block */
            return;
        }
        b = block_slot(a->blocks, a->block_mask, pc, size);
        if (OFTEN(b->state == KNOWN && b->icount > 1)) {
            p->block = (uintptr_t)b;
            p->count += b->icount;
            return;
        }
        enter_seldom(a, pc, size);
        return;
    }
    on_block_seldom(a, pc, size);
}

static int io_privileged(const accel_t *a)
{
    uint32_t hflags = load32(a, STATE_HFLAGS);
    return (hflags & HF_VM) || (hflags & HF_CPL) > ((hflags >> HF_IOPL_SHIFT) & 3);
}

/* Ports: Unicorn checks no permission, so a level above IOPL asks the bitmap in Python first. */
static uint32_t on_in(void *uc, uint32_t port, int size, void *user)
{
    accel_t *a = user;
    (void)uc;
    if (a->pace->flags & FLAG_ABORT)
        return ~0u;
    save(a);
    uint64_t packed = locate(a);
    if (io_privileged(a) && !call(a, H_PRIVILEGED, "KK", port, size, 0))
        return ~0u;
    a->pace->extra += a->pace->port_cost;
    return (uint32_t)call(a, H_IN, "KKK", port, size, packed >> 16);
}

static void on_out(void *uc, uint32_t port, int size, uint32_t value, void *user)
{
    accel_t *a = user;
    (void)uc;
    if (a->pace->flags & FLAG_ABORT)
        return;
    save(a);
    uint64_t packed = locate(a);
    if (io_privileged(a) && !call(a, H_PRIVILEGED, "KK", port, size, 0))
        return;
    a->pace->extra += a->pace->port_cost;
    call(a, H_OUT, "KKK", port, size | packed >> 16 << 8, value);
}

static int fast_rdtsc(accel_t *a, uint64_t packed)
{
    uint64_t length = packed >> 24 & 0xff;
    if ((packed >> 16 & 0x7f) != KIND_RDTSC || load64(a, STATE_RFLAGS) & RFLAGS_TF)
        return 0;
    a->pace->extra += a->pace->rdtsc_cost;
    uint64_t tsc = a->pace->now + a->pace->extra + a->pace->tsc_adjust;
    store64(a, 0, (uint32_t)tsc);
    store64(a, 16, tsc >> 32);
    store64(a, STATE_RIP, load64(a, STATE_RIP) + length);
    store32(a, STATE_HFLAGS, load32(a, STATE_HFLAGS) & ~HF_INHIBIT_IRQ);
    a->context_restore(a->uc, a->context);
    a->pace->rdtsc_exits++;
    a->pace->count = ++a->pace->now;
    return 1;
}

static void on_intr(void *uc, uint32_t number, void *user)
{
    accel_t *a = user;
    (void)uc;
    if (a->pace->flags & FLAG_ABORT) {
        a->emu_stop(a->uc);
        return;
    }
    save(a);
    uint64_t packed = locate(a);
    leave_block(a);
    if (number == EXIT_RDTSC && fast_rdtsc(a, packed))
        return;
    call(a, H_INTR, "KK", number, packed >> 16, 0);
    if (a->pace->flags & FLAG_STOP)
        a->emu_stop(a->uc);
}

static int on_cpuid(void *uc, void *user)
{
    accel_t *a = user;
    (void)uc;
    if (a->pace->flags & FLAG_ABORT)
        return 1;
    save(a);
    locate(a);
    a->pace->extra += a->pace->cpuid_cost;
    call(a, H_CPUID, "", 0, 0, 0);
    return 1;
}

static void on_syscall(void *uc, void *user)
{
    accel_t *a = user;
    (void)uc;
    if (a->pace->flags & FLAG_ABORT)
        return;
    save(a);
    uint64_t packed = locate(a);
    call(a, H_SYSCALL, "K", packed >> 16, 0, 0);
}

static int on_invalid(void *uc, void *user)
{
    accel_t *a = user;
    (void)uc;
    if (a->pace->flags & FLAG_ABORT) {
        a->emu_stop(a->uc);
        return 1;
    }
    save(a);
    uint64_t packed = locate(a);
    leave_block(a);
    call(a, H_INVALID, "K", packed >> 16, 0, 0);
    if (a->pace->flags & FLAG_STOP)
        a->emu_stop(a->uc);
    return 1;
}

/* MMIO: the hook exists so that Unicorn brings RIP up to date; locating is all it does. */
static int on_mmio(void *uc, int type, uint64_t address, int size, int64_t value, void *user)
{
    accel_t *a = user;
    (void)uc; (void)type; (void)address; (void)size; (void)value;
    if (!(a->pace->flags & FLAG_ABORT)) {
        save(a);
        locate(a);
        a->pace->extra += a->pace->mmio_cost;
    }
    return 1;
}

/* ---- module ----------------------------------------------------------------------------------------- */

static const char CAPSULE[] = "hv.cpu._accel";

static void destroy(PyObject *capsule)
{
    accel_t *a = PyCapsule_GetPointer(capsule, CAPSULE);
    for (int i = 0; i < HANDLERS; i++)
        Py_XDECREF(a->handlers[i]);
    Py_XDECREF(a->error);
    PyBuffer_Release(&a->pace_buffer);
    PyBuffer_Release(&a->code_buffer);
    free(a->blocks);
    free(a->details);
    free(a->insns);
    free(a);
}

/* create(uc, context, state, pace buffer, code page buffer, (six function addresses), request_cache, (eight handlers))
 * -> (capsule, {hook name: address}) */
static PyObject *create(PyObject *self, PyObject *args)
{
    unsigned long long uc, context, state, f[6];
    int request_cache;
    PyObject *handlers, *words, *code_pages;
    (void)self;
    if (!PyArg_ParseTuple(args, "KKKOO(KKKKKK)iO!", &uc, &context, &state, &words, &code_pages, &f[0], &f[1], &f[2], &f[3],
                          &f[4], &f[5], &request_cache, &PyTuple_Type, &handlers))
        return NULL;
    accel_t *a = calloc(1, sizeof *a);
    if (!a)
        return PyErr_NoMemory();
    if (PyObject_GetBuffer(words, &a->pace_buffer, PyBUF_WRITABLE)) {
        free(a);
        return NULL;
    }
    if (PyObject_GetBuffer(code_pages, &a->code_buffer, PyBUF_WRITABLE)) {
        PyBuffer_Release(&a->pace_buffer);
        free(a);
        return NULL;
    }
    a->code_pages = a->code_buffer.buf;
    if (PyTuple_Size(handlers) != HANDLERS || a->pace_buffer.len != sizeof(pace_t)) {
        PyBuffer_Release(&a->pace_buffer);
        PyBuffer_Release(&a->code_buffer);
        free(a);
        PyErr_SetString(PyExc_ValueError, "handlers or pace words do not fit this accelerator");
        return NULL;
    }
    a->pace = a->pace_buffer.buf;
    a->uc = (void *)(uintptr_t)uc;
    a->context = (void *)(uintptr_t)context;
    a->state = (const uint8_t *)(uintptr_t)state;
    a->emu_stop = (int (*)(void *))(uintptr_t)f[0];
    a->context_save = (int (*)(void *, void *))(uintptr_t)f[1];
    a->context_restore = (int (*)(void *, void *))(uintptr_t)f[2];
    a->ctl = (int (*)(void *, int, ...))(uintptr_t)f[3];
    a->vmem_translate = (int (*)(void *, uint64_t, uint32_t, uint64_t *))(uintptr_t)f[4];
    a->mem_read = (int (*)(void *, uint64_t, void *, uint64_t))(uintptr_t)f[5];
    a->request_cache = request_cache;
    a->block_mask = (1 << 14) - 1;
    a->insn_mask = (1 << 12) - 1;
    a->blocks = calloc(a->block_mask + 1, sizeof *a->blocks);
    a->details = calloc(a->block_mask + 1, sizeof *a->details);
    a->insns = calloc(a->insn_mask + 1, sizeof *a->insns);
    for (int i = 0; i < HANDLERS; i++) {
        a->handlers[i] = PyTuple_GetItem(handlers, i);
        Py_INCREF(a->handlers[i]);
    }
    PyObject *capsule = PyCapsule_New(a, CAPSULE, destroy);
    if (!capsule || !a->blocks || !a->details || !a->insns)
        return PyErr_NoMemory();
#define ADDRESS(f) (unsigned long long)(uintptr_t)(f)
    return Py_BuildValue("(N{sKsKsKsKsKsKsKsKsK})", capsule, "block", ADDRESS(on_block), "edge",
                         ADDRESS(on_edge), "in", ADDRESS(on_in), "out", ADDRESS(on_out), "intr", ADDRESS(on_intr),
                         "cpuid", ADDRESS(on_cpuid), "syscall", ADDRESS(on_syscall), "invalid",
                         ADDRESS(on_invalid), "mmio", ADDRESS(on_mmio));
}

static PyObject *pointer(PyObject *self, PyObject *capsule)
{
    (void)self;
    accel_t *a = PyCapsule_GetPointer(capsule, CAPSULE);
    return a ? PyLong_FromVoidPtr(a) : NULL;
}

/* take_error(capsule) -> the exception a handler raised, or None; forgets it. */
static PyObject *take_error(PyObject *self, PyObject *capsule)
{
    (void)self;
    accel_t *a = PyCapsule_GetPointer(capsule, CAPSULE);
    if (!a)
        return NULL;
    PyObject *error = a->error;
    a->error = NULL;
    if (error)
        return error;
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    { "create", create, METH_VARARGS, "One accelerator for one engine." },
    { "pointer", pointer, METH_O, "The address to pass to Unicorn as a hook's user data." },
    { "take_error", take_error, METH_O, "The exception that a handler raised, once." },
    { NULL, NULL, 0, NULL }
};

static struct PyModuleDef module = { PyModuleDef_HEAD_INIT, "hv.cpu._accel", NULL, -1, methods, 0, 0, 0, 0 };

PyMODINIT_FUNC PyInit__accel(void) { return PyModule_Create(&module); }
