/*
 * Preloaded into a broker's process (LD_PRELOAD), writes down what it does to the files below RECORD_ROOT, in the order
 * in which the kernel did it: opens, writes with their bytes, truncations, names, and when each sync began and ended.
 * Also when something was sent to a socket: what is answered there was promised. trace.ts reads it.
 *
 * RECORD_FAULT=<kind>:<errno>:<from>:<count> has so many calls of a kind fail, from that one on: W write (the first of them
 * takes half), F sync, O open, T truncation, R rename, U unlink, M mkdir.
 *
 * An entry: kind (1 byte), time in ns since 1970 (8), two numbers (8 each), two lengths (4 each), and so many bytes, all
 * in this machine's own order.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define MOST_FDS 65536
enum { OTHER = 0, FILE_FD = 1, IGNORED = 2 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned char kinds[MOST_FDS];
static int out = -1;
static char root[PATH_MAX];
static size_t root_length;
static int64_t syncs;

static char fault_kind;
static int fault_errno;
static long fault_from, fault_count, fault_seen;

/* With the lock held: whether this call is to fail; 2 where it is the first. */
static int is_faulty(char kind) {
  if (kind != fault_kind) return 0;
  long n = fault_seen++;
  if (n < fault_from || n >= fault_from + fault_count) return 0;
  errno = fault_errno;
  return n == fault_from ? 2 : 1;
}

#define REAL(name, type) \
  static type real; \
  if (real == NULL) real = (type)dlsym(RTLD_NEXT, name)

typedef ssize_t (*write_fn)(int, const void *, size_t);

static void put(const void *bytes, size_t length) {
  REAL("write", write_fn);
  const char *at = bytes;
  while (length > 0) {
    ssize_t n = real(out, at, length);
    if (n < 0) {
      if (errno == EINTR) continue;
      abort();
    }
    at += n;
    length -= n;
  }
}

static int64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* With the lock held. */
static void note(char kind, int64_t a, int64_t b, const void *x, uint32_t xl, const void *y, uint32_t yl) {
  int before = errno;
  char head[33];
  int64_t t = now();
  head[0] = kind;
  memcpy(head + 1, &t, 8);
  memcpy(head + 9, &a, 8);
  memcpy(head + 17, &b, 8);
  memcpy(head + 25, &xl, 4);
  memcpy(head + 29, &yl, 4);
  put(head, sizeof head);
  if (xl > 0) put(x, xl);
  if (yl > 0) put(y, yl);
  errno = before;
}

__attribute__((constructor)) static void begin(void) {
  const char *where = getenv("RECORD_ROOT"), *to = getenv("RECORD_TO");
  if (where == NULL || to == NULL) return;
  if (realpath(where, root) == NULL) strncpy(root, where, sizeof root - 1);
  root_length = strlen(root);
  const char *fault = getenv("RECORD_FAULT");
  if (fault != NULL && sscanf(fault, "%c:%d:%ld:%ld", &fault_kind, &fault_errno, &fault_from, &fault_count) != 4) abort();
  int fd = open(to, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0) abort();
  out = fcntl(fd, F_DUPFD_CLOEXEC, 1000); /* out of the way */
  close(fd);
  if (out >= 0 && out < MOST_FDS) kinds[out] = IGNORED;
}

/* The path below the root, or NULL where it is not. */
static const char *below(const char *path) {
  if (out < 0 || path == NULL) return NULL;
  if (strncmp(path, root, root_length) != 0) return NULL;
  if (path[root_length] == 0) return "";
  return path[root_length] == '/' ? path + root_length + 1 : NULL;
}

static int is_file(int fd) { return fd >= 0 && fd < MOST_FDS && kinds[fd] == FILE_FD; }

static const char *place_of(int dirfd, const char *path, char *room) {
  if (path == NULL || path[0] == '/' || dirfd == AT_FDCWD) return path;
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", dirfd);
  ssize_t n = readlink(link, room, PATH_MAX - 1);
  if (n < 0) return path;
  snprintf(room + n, PATH_MAX - n, "/%s", path);
  return room;
}

static void opened(int fd, const char *path, int flags) {
  const char *at = below(path);
  if (fd < 0 || fd >= MOST_FDS) return;
  if (at == NULL) {
    kinds[fd] = OTHER;
    return;
  }
  kinds[fd] = FILE_FD;
  note('O', fd, flags, at, strlen(at), NULL, 0);
}

#define OPEN(NAME, SYMBOL) \
  int NAME(const char *path, int flags, ...) { \
    typedef int (*fn)(const char *, int, ...); \
    REAL(SYMBOL, fn); \
    mode_t mode = 0; \
    if (flags & (O_CREAT | O_TMPFILE)) { va_list l; va_start(l, flags); mode = va_arg(l, mode_t); va_end(l); } \
    if (out < 0) return real(path, flags, mode); \
    pthread_mutex_lock(&lock); \
    if (below(path) != NULL && is_faulty('O')) { pthread_mutex_unlock(&lock); return -1; } \
    int fd = real(path, flags, mode); \
    int e = errno; opened(fd, path, flags); errno = e; \
    pthread_mutex_unlock(&lock); \
    return fd; \
  }
OPEN(open, "open")
OPEN(open64, "open64")

#define OPENAT(NAME, SYMBOL) \
  int NAME(int dirfd, const char *path, int flags, ...) { \
    typedef int (*fn)(int, const char *, int, ...); \
    REAL(SYMBOL, fn); \
    mode_t mode = 0; \
    if (flags & (O_CREAT | O_TMPFILE)) { va_list l; va_start(l, flags); mode = va_arg(l, mode_t); va_end(l); } \
    if (out < 0) return real(dirfd, path, flags, mode); \
    char room[PATH_MAX]; \
    pthread_mutex_lock(&lock); \
    int fd = real(dirfd, path, flags, mode); \
    int e = errno; opened(fd, place_of(dirfd, path, room), flags); errno = e; \
    pthread_mutex_unlock(&lock); \
    return fd; \
  }
OPENAT(openat, "openat")
OPENAT(openat64, "openat64")

/* Writes and syncs on other threads have a descriptor of their own. */
#define FCNTL(NAME) \
  int NAME(int fd, int command, ...) { \
    typedef int (*fn)(int, int, ...); \
    REAL(#NAME, fn); \
    va_list l; \
    va_start(l, command); \
    void *argument = va_arg(l, void *); \
    va_end(l); \
    if ((command != F_DUPFD && command != F_DUPFD_CLOEXEC) || !is_file(fd)) return real(fd, command, argument); \
    pthread_mutex_lock(&lock); \
    int to = real(fd, command, argument); \
    if (to >= 0 && to < MOST_FDS) { kinds[to] = FILE_FD; note('P', fd, to, NULL, 0, NULL, 0); } \
    pthread_mutex_unlock(&lock); \
    return to; \
  }
FCNTL(fcntl)
FCNTL(fcntl64)

int close(int fd) {
  typedef int (*fn)(int);
  REAL("close", fn);
  if (out < 0 || fd < 0 || fd >= MOST_FDS) return real(fd);
  pthread_mutex_lock(&lock);
  if (kinds[fd] == FILE_FD) note('C', fd, 0, NULL, 0, NULL, 0);
  if (kinds[fd] != IGNORED) kinds[fd] = OTHER;
  int r = real(fd);
  pthread_mutex_unlock(&lock);
  return r;
}

static void sending(int fd, size_t bytes) {
  if (out < 0 || fd < 0 || fd >= MOST_FDS || kinds[fd] == IGNORED || kinds[fd] == FILE_FD) return;
  pthread_mutex_lock(&lock);
  struct stat s;
  int e = errno;
  if (fstat(fd, &s) == 0 && S_ISSOCK(s.st_mode)) note('S', fd, bytes, NULL, 0, NULL, 0);
  errno = e;
  pthread_mutex_unlock(&lock);
}

ssize_t write(int fd, const void *bytes, size_t n) {
  REAL("write", write_fn);
  if (out < 0) return real(fd, bytes, n);
  if (!is_file(fd)) {
    sending(fd, n);
    return real(fd, bytes, n);
  }
  pthread_mutex_lock(&lock);
  int faulty = is_faulty('W');
  if (faulty == 1 || (faulty == 2 && n < 2)) {
    pthread_mutex_unlock(&lock);
    return -1;
  }
  if (faulty == 2) n /= 2;
  ssize_t r = real(fd, bytes, n);
  if (r > 0) note('W', fd, lseek(fd, 0, SEEK_CUR) - r, bytes, r, NULL, 0);
  pthread_mutex_unlock(&lock);
  return r;
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
  typedef ssize_t (*fn)(int, const struct iovec *, int);
  REAL("writev", fn);
  if (out < 0) return real(fd, parts, count);
  if (!is_file(fd)) {
    sending(fd, 0);
    return real(fd, parts, count);
  }
  pthread_mutex_lock(&lock);
  ssize_t r = real(fd, parts, count);
  int64_t at = lseek(fd, 0, SEEK_CUR) - r;
  for (ssize_t i = 0, left = r; i < count && left > 0; i++) {
    size_t n = parts[i].iov_len < (size_t)left ? parts[i].iov_len : (size_t)left;
    note('W', fd, at, parts[i].iov_base, n, NULL, 0);
    at += n;
    left -= n;
  }
  pthread_mutex_unlock(&lock);
  return r;
}

#define PWRITE(NAME) \
  ssize_t NAME(int fd, const void *bytes, size_t n, off_t at) { \
    typedef ssize_t (*fn)(int, const void *, size_t, off_t); \
    REAL(#NAME, fn); \
    if (!is_file(fd)) return real(fd, bytes, n, at); \
    pthread_mutex_lock(&lock); \
    ssize_t r = real(fd, bytes, n, at); \
    if (r > 0) note('W', fd, at, bytes, r, NULL, 0); \
    pthread_mutex_unlock(&lock); \
    return r; \
  }
PWRITE(pwrite)
PWRITE(pwrite64)

/* A file that is copied: read back what came. */
static void copied(int fd, int64_t at, ssize_t n) {
  char *room = malloc(n);
  if (room == NULL || pread(fd, room, n, at) != n) abort();
  note('W', fd, at, room, n, NULL, 0);
  free(room);
}

ssize_t copy_file_range(int in, off64_t *in_at, int to, off64_t *to_at, size_t n, unsigned flags) {
  typedef ssize_t (*fn)(int, off64_t *, int, off64_t *, size_t, unsigned);
  REAL("copy_file_range", fn);
  if (!is_file(to)) return real(in, in_at, to, to_at, n, flags);
  pthread_mutex_lock(&lock);
  ssize_t r = real(in, in_at, to, to_at, n, flags);
  int e = errno;
  if (r > 0) copied(to, (to_at ? *to_at : lseek(to, 0, SEEK_CUR)) - r, r);
  errno = e;
  pthread_mutex_unlock(&lock);
  return r;
}

#define SENDFILE(NAME) \
  ssize_t NAME(int to, int in, off64_t *at, size_t n) { \
    typedef ssize_t (*fn)(int, int, off64_t *, size_t); \
    REAL(#NAME, fn); \
    if (!is_file(to)) return real(to, in, at, n); \
    pthread_mutex_lock(&lock); \
    ssize_t r = real(to, in, at, n); \
    int e = errno; \
    if (r > 0) copied(to, lseek(to, 0, SEEK_CUR) - r, r); \
    errno = e; \
    pthread_mutex_unlock(&lock); \
    return r; \
  }
SENDFILE(sendfile64)

#define TRUNCATE(NAME) \
  int NAME(int fd, off_t length) { \
    typedef int (*fn)(int, off_t); \
    REAL(#NAME, fn); \
    if (!is_file(fd)) return real(fd, length); \
    pthread_mutex_lock(&lock); \
    if (is_faulty('T')) { pthread_mutex_unlock(&lock); return -1; } \
    int r = real(fd, length); \
    if (r == 0) note('T', fd, length, NULL, 0, NULL, 0); \
    pthread_mutex_unlock(&lock); \
    return r; \
  }
TRUNCATE(ftruncate)
TRUNCATE(ftruncate64)

#define SYNC(NAME) \
  int NAME(int fd) { \
    typedef int (*fn)(int); \
    REAL(#NAME, fn); \
    if (!is_file(fd)) return real(fd); \
    pthread_mutex_lock(&lock); \
    if (is_faulty('F')) { pthread_mutex_unlock(&lock); return -1; } \
    int64_t id = ++syncs; \
    note('F', fd, id, NULL, 0, NULL, 0); \
    pthread_mutex_unlock(&lock); \
    int r = real(fd); \
    pthread_mutex_lock(&lock); \
    if (r == 0) note('f', fd, id, NULL, 0, NULL, 0); \
    pthread_mutex_unlock(&lock); \
    return r; \
  }
SYNC(fsync)
SYNC(fdatasync)

static void named(char kind, const char *from, const char *to) {
  const char *a = below(from), *b = to ? below(to) : NULL;
  if (a == NULL && b == NULL) return;
  note(kind, a != NULL, b != NULL, a ? a : "", a ? strlen(a) : 0, b ? b : "", b ? strlen(b) : 0);
}

#define TWO(NAME, KIND) \
  int NAME(const char *from, const char *to) { \
    typedef int (*fn)(const char *, const char *); \
    REAL(#NAME, fn); \
    if (out < 0) return real(from, to); \
    pthread_mutex_lock(&lock); \
    if (below(from) != NULL && is_faulty(KIND)) { pthread_mutex_unlock(&lock); return -1; } \
    int r = real(from, to); \
    if (r == 0) named(KIND, from, to); \
    pthread_mutex_unlock(&lock); \
    return r; \
  }
TWO(rename, 'R')
TWO(link, 'L')

int linkat(int a, const char *from, int b, const char *to, int flags) {
  typedef int (*fn)(int, const char *, int, const char *, int);
  REAL("linkat", fn);
  if (out < 0) return real(a, from, b, to, flags);
  char one[PATH_MAX], other[PATH_MAX];
  pthread_mutex_lock(&lock);
  int r = real(a, from, b, to, flags);
  if (r == 0) named('L', place_of(a, from, one), place_of(b, to, other));
  pthread_mutex_unlock(&lock);
  return r;
}

#define ONE(NAME, KIND) \
  int NAME(const char *path) { \
    typedef int (*fn)(const char *); \
    REAL(#NAME, fn); \
    if (out < 0) return real(path); \
    pthread_mutex_lock(&lock); \
    if (below(path) != NULL && is_faulty(KIND)) { pthread_mutex_unlock(&lock); return -1; } \
    int r = real(path); \
    if (r == 0) named(KIND, path, NULL); \
    pthread_mutex_unlock(&lock); \
    return r; \
  }
ONE(unlink, 'U')
ONE(rmdir, 'D')

int unlinkat(int dirfd, const char *path, int flags) {
  typedef int (*fn)(int, const char *, int);
  REAL("unlinkat", fn);
  if (out < 0) return real(dirfd, path, flags);
  char room[PATH_MAX];
  pthread_mutex_lock(&lock);
  const char *full = place_of(dirfd, path, room);
  int r = real(dirfd, path, flags);
  if (r == 0) named(flags & AT_REMOVEDIR ? 'D' : 'U', full, NULL);
  pthread_mutex_unlock(&lock);
  return r;
}

int mkdir(const char *path, mode_t mode) {
  typedef int (*fn)(const char *, mode_t);
  REAL("mkdir", fn);
  if (out < 0) return real(path, mode);
  pthread_mutex_lock(&lock);
  if (below(path) != NULL && is_faulty('M')) {
    pthread_mutex_unlock(&lock);
    return -1;
  }
  int r = real(path, mode);
  if (r == 0) named('M', path, NULL);
  pthread_mutex_unlock(&lock);
  return r;
}

ssize_t send(int fd, const void *bytes, size_t n, int flags) {
  typedef ssize_t (*fn)(int, const void *, size_t, int);
  REAL("send", fn);
  sending(fd, n);
  return real(fd, bytes, n, flags);
}

ssize_t sendto(int fd, const void *bytes, size_t n, int flags, const struct sockaddr *to, socklen_t l) {
  typedef ssize_t (*fn)(int, const void *, size_t, int, const struct sockaddr *, socklen_t);
  REAL("sendto", fn);
  sending(fd, n);
  return real(fd, bytes, n, flags, to, l);
}

ssize_t sendmsg(int fd, const struct msghdr *m, int flags) {
  typedef ssize_t (*fn)(int, const struct msghdr *, int);
  REAL("sendmsg", fn);
  sending(fd, 0);
  return real(fd, m, flags);
}
