/* Exits: RDTSC is answered here, everything else by a call into Python. */
#include "accel.h"

static int io_privileged(const accel_t *a)
{
    uint32_t hflags = load32(a, STATE_HFLAGS);
    return (hflags & HF_VM) || (hflags & HF_CPL) > ((hflags >> HF_IOPL_SHIFT) & 3);
}

/* Ports: Unicorn checks no permission, so a level above IOPL asks the bitmap in Python first. */
uint32_t on_in(void *uc, uint32_t port, int size, void *user)
{
    accel_t *a = user;
    (void)uc;
    if (a->pace->flags & FLAG_ABORT)
        return ~0u;
    save(a);
    uint64_t packed = locate(a);
    if (io_privileged(a) && !call(a, H_PRIVILEGED, "KK", port, size, 0))
        return ~0u;
    return (uint32_t)call(a, H_IN, "KKK", port, size, packed >> 16);
}

void on_out(void *uc, uint32_t port, int size, uint32_t value, void *user)
{
    accel_t *a = user;
    (void)uc;
    if (a->pace->flags & FLAG_ABORT)
        return;
    save(a);
    uint64_t packed = locate(a);
    if (io_privileged(a) && !call(a, H_PRIVILEGED, "KK", port, size, 0))
        return;
    call(a, H_OUT, "KKK", port, size | packed >> 16 << 8, value);
}

static int fast_rdtsc(accel_t *a, uint64_t packed)
{
    uint64_t length = packed >> 24 & 0xff;
    if ((packed >> 16 & 0x7f) != KIND_RDTSC || load64(a, STATE_RFLAGS) & RFLAGS_TF)
        return 0;
    a->pace->extra += a->pace->rdtsc_cost;
    uint64_t tsc = vtime(a->pace, a->pace->now) + a->pace->tsc_adjust;
    store64(a, 0, (uint32_t)tsc);
    store64(a, 16, tsc >> 32);
    store64(a, STATE_RIP, load64(a, STATE_RIP) + length);
    store32(a, STATE_HFLAGS, load32(a, STATE_HFLAGS) & ~HF_INHIBIT_IRQ);
    a->context_restore(a->uc, a->context);
    a->pace->rdtsc_exits++;
    a->pace->count = ++a->pace->now;
    return 1;
}

void on_intr(void *uc, uint32_t number, void *user)
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

int on_cpuid(void *uc, void *user)
{
    accel_t *a = user;
    (void)uc;
    if (a->pace->flags & FLAG_ABORT)
        return 1;
    save(a);
    locate(a);
    call(a, H_CPUID, "", 0, 0, 0);
    return 1;
}

void on_syscall(void *uc, void *user)
{
    accel_t *a = user;
    (void)uc;
    if (a->pace->flags & FLAG_ABORT)
        return;
    save(a);
    uint64_t packed = locate(a);
    call(a, H_SYSCALL, "K", packed >> 16, 0, 0);
}

int on_invalid(void *uc, void *user)
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
int on_mmio(void *uc, int type, uint64_t address, int size, int64_t value, void *user)
{
    accel_t *a = user;
    (void)uc; (void)type; (void)address; (void)size; (void)value;
    if (!(a->pace->flags & FLAG_ABORT)) {
        save(a);
        locate(a);
    }
    return 1;
}
