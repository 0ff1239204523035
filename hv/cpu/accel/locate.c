/* Where in its block an exit happened, and the calls into Python that tell. */
#include "accel.h"

void carry_error(accel_t *a)
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

long long call(accel_t *a, int handler, const char *format, uint64_t x, uint64_t y, uint64_t z)
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
uint64_t resolve(accel_t *a, uint64_t pc, uint64_t off)
{
    return (uint64_t)call(a, H_RESOLVE, "KK", pc, off, 0) | 1ull << 63;
}

/* Sets pace.now to the instructions retired before the one at RIP; returns what the decoder knows of that one.
 * The state must have been saved. */
uint64_t locate(accel_t *a)
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
void leave_block(accel_t *a)
{
    a->pace->count = a->pace->now;
    a->pace->block = 0;
}
