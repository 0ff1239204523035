/* The module hv.cpu._accel: one accelerator for one engine. */
#include "accel.h"

static const char CAPSULE[] = "hv.cpu._accel";

static void destroy(PyObject *capsule)
{
    accel_t *a = PyCapsule_GetPointer(capsule, CAPSULE);
    for (int i = 0; i < HANDLERS; i++)
        Py_XDECREF(a->handlers[i]);
    watch_end(a);
    Py_XDECREF(a->error);
    PyBuffer_Release(&a->pace_buffer);
    PyBuffer_Release(&a->code_buffer);
    free(a->blocks);
    free(a->details);
    free(a->insns);
    free(a->stores);
    free(a);
}

/* create(uc, context, state, pace buffer, code page buffer, (six function addresses), (request_cache, tlb_flush),
 *        (where the mapping function's pointer, the watching hook's bounds, the function are), (eight handlers))
 * -> (capsule, {hook name: address}) */
static PyObject *create(PyObject *self, PyObject *args)
{
    unsigned long long uc, context, state, f[6], watch[3];
    int request_cache, tlb_flush;
    PyObject *handlers, *words, *code_pages;
    (void)self;
    if (!PyArg_ParseTuple(args, "KKKOO(KKKKKK)(ii)(KKK)O!", &uc, &context, &state, &words, &code_pages, &f[0], &f[1],
                          &f[2], &f[3], &f[4], &f[5], &request_cache, &tlb_flush, &watch[0], &watch[1], &watch[2],
                          &PyTuple_Type, &handlers))
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
    a->tlb_flush = tlb_flush;
    a->mapping_pointer = (uint64_t *)(uintptr_t)watch[0];
    a->bounds = (uint64_t *)(uintptr_t)watch[1];
    a->mapping = (void *(*)(void *, uint64_t))(uintptr_t)watch[2];
    a->block_mask = (1 << 14) - 1;
    a->insn_mask = (1 << 12) - 1;
    a->blocks = calloc(a->block_mask + 1, sizeof *a->blocks);
    a->details = calloc(a->block_mask + 1, sizeof *a->details);
    a->insns = calloc(a->insn_mask + 1, sizeof *a->insns);
    a->stores = calloc((size_t)a->code_buffer.len, sizeof *a->stores);
    for (int i = 0; i < HANDLERS; i++) {
        a->handlers[i] = PyTuple_GetItem(handlers, i);
        Py_INCREF(a->handlers[i]);
    }
    PyObject *capsule = PyCapsule_New(a, CAPSULE, destroy);
    if (!capsule || !a->blocks || !a->details || !a->insns || !a->stores || watch_begin(a))
        return PyErr_NoMemory();
#define ADDRESS(f) (unsigned long long)(uintptr_t)(f)
    return Py_BuildValue("(N{sKsKsKsKsKsKsKsKsKsKsKsKsK})", capsule, "block", ADDRESS(on_block), "edge",
                         ADDRESS(on_edge), "in", ADDRESS(on_in), "out", ADDRESS(on_out), "intr", ADDRESS(on_intr),
                         "cpuid", ADDRESS(on_cpuid), "syscall", ADDRESS(on_syscall), "invalid",
                         ADDRESS(on_invalid), "mmio", ADDRESS(on_mmio), "stop", ADDRESS(on_stop), "next", ADDRESS(on_next), "every",
                         ADDRESS(on_every), "access", ADDRESS(on_access));
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
    { "coverage", coverage, METH_VARARGS, "Hooks that tell which blocks ran." },
    { "settle_coverage", settle_coverage, METH_O, "Account for the block in which the processor stopped." },
    { NULL, NULL, 0, NULL }
};

static struct PyModuleDef module = { PyModuleDef_HEAD_INIT, "hv.cpu._accel", NULL, -1, methods, 0, 0, 0, 0 };

PyMODINIT_FUNC PyInit__accel(void) { return PyModule_Create(&module); }
