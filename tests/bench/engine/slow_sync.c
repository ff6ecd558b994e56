/* A disk that takes 10 ms longer for each sync. Loaded before the C library. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <unistd.h>

static const useconds_t LONGER_US = 10000;

int fdatasync(int file) {
    int (*sync)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    usleep(LONGER_US);
    return sync(file);
}

int fsync(int file) {
    int (*sync)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    usleep(LONGER_US);
    return sync(file);
}
