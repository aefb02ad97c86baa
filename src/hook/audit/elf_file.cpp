// SPDX-License-Identifier: BSL-1.0
// See elf_file.hpp: headers, segments and sections. Source: elf(5), System V ABI.
#include "elf_file.hpp"

#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace weft_audit {
namespace {

// A debug build of a browser has 3 GiB.
constexpr std::uint64_t most_bytes = std::uint64_t{4} << 30;

class descriptor {
 public:
  explicit descriptor(const char* path) noexcept
      : fd_(open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {}
  ~descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
  int number() const noexcept { return fd_; }

 private:
  int fd_;
};

// Not mapped: a file that shrinks meanwhile would be a SIGBUS.
std::vector<unsigned char> content_of(const std::string& path) {
  const descriptor file(path.c_str());
  struct stat about {};
  if (file.number() < 0 || fstat(file.number(), &about) != 0) {
    throw bad_file(std::strerror(errno));
  }
  if (S_ISDIR(about.st_mode)) throw bad_file("is a directory");
  if (!S_ISREG(about.st_mode)) throw bad_file("is not a regular file");
  const auto wanted = static_cast<std::uint64_t>(about.st_size);
  if (wanted > most_bytes) throw bad_file("is larger than 4 GiB; strip --strip-debug makes a copy");
  std::vector<unsigned char> content(wanted);
  std::size_t have = 0;
  while (have < content.size()) {
    const ssize_t got = read(file.number(), content.data() + have, content.size() - have);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw bad_file(std::strerror(errno));
    if (got == 0) break;
    have += static_cast<std::size_t>(got);
  }
  content.resize(have);
  return content;
}

}  // namespace

elf_file elf_file::of_path(const std::string& path) { return elf_file(content_of(path)); }

elf_file::elf_file(std::vector<unsigned char> content) : content_(std::move(content)) {
  read_header();
  read_segments();
  read_sections();
  read_dynamic();
  read_dynamic_symbols();
  read_all_symbols();
}

void elf_file::read_header() {
  if (!content().has(0, SELFMAG) || std::memcmp(content_.data(), ELFMAG, SELFMAG) != 0) {
    const bool is_script = content().has(0, 2) && content_[0] == '#' && content_[1] == '!';
    throw bad_file(is_script ? "is a script, not an ELF file: name its interpreter"
                             : "is not an ELF file");
  }
  if (!content().has(0, EI_NIDENT)) throw bad_file("is cut off within the ELF header");
  if (content_[EI_CLASS] != ELFCLASS64) throw bad_file("is no 64-bit ELF file");
  if (content_[EI_DATA] != ELFDATA2LSB) throw bad_file("is no little-endian ELF file");
  header_ = content().read<Elf64_Ehdr>(0, "the ELF header");
  if (header_.e_machine != EM_X86_64 && header_.e_machine != EM_AARCH64) {
    throw bad_file("is for a machine (" + std::to_string(header_.e_machine) +
                   ") that is neither x86-64 nor AArch64");
  }
  if (header_.e_type == ET_REL) throw bad_file("is an object file; link it first");
  if (header_.e_type == ET_CORE) throw bad_file("is a core file, not a program or library");
  if (header_.e_type != ET_EXEC && header_.e_type != ET_DYN) {
    throw bad_file("is neither a program nor a shared library (ELF type " +
                   std::to_string(header_.e_type) + ")");
  }
}

void elf_file::read_segments() {
  if (header_.e_phnum == 0) throw bad_file("has no program headers, so nothing of it is loaded");
  if (header_.e_phentsize != sizeof(Elf64_Phdr))
    throw bad_file("has program headers of a wrong size");
  const bytes table = content().part(
      header_.e_phoff, std::uint64_t{header_.e_phnum} * sizeof(Elf64_Phdr), "its program headers");
  for (std::uint64_t i = 0; i < header_.e_phnum; ++i) {
    const auto one = table.read<Elf64_Phdr>(i * sizeof(Elf64_Phdr), "a program header");
    if (one.p_type == PT_LOAD || one.p_type == PT_DYNAMIC || one.p_type == PT_INTERP) {
      content().part(one.p_offset, one.p_filesz, "a segment");
    }
    segments_.push_back(one);
  }
}

void elf_file::read_sections() {
  if (header_.e_shoff == 0) return;  // stripped of them: what is loaded suffices
  if (header_.e_shentsize != sizeof(Elf64_Shdr))
    throw bad_file("has section headers of a wrong size");
  std::uint64_t count = header_.e_shnum;
  // More than 65,279 of them: the first one says how many.
  if (count == 0)
    count = content().read<Elf64_Shdr>(header_.e_shoff, "its section headers").sh_size;
  if (count > content().size() / sizeof(Elf64_Shdr)) {
    throw bad_file("its section headers lie outside the file: it is cut off or damaged");
  }
  const bytes table =
      content().part(header_.e_shoff, count * sizeof(Elf64_Shdr), "its section headers");
  for (std::uint64_t i = 0; i < count; ++i) {
    sections_.push_back(table.read<Elf64_Shdr>(i * sizeof(Elf64_Shdr), "a section header"));
  }
}

const Elf64_Shdr* elf_file::find_section(std::string_view name) const {
  std::uint64_t index = header_.e_shstrndx;
  if (index == SHN_XINDEX && !sections_.empty()) index = sections_[0].sh_link;
  if (index >= sections_.size()) return nullptr;
  const Elf64_Shdr& text = sections_[index];
  const bytes names = content().part(text.sh_offset, text.sh_size, "the names of sections");
  for (const Elf64_Shdr& one : sections_) {
    if (one.sh_type != SHT_NULL && names.text(one.sh_name, "a section's name") == name) return &one;
  }
  return nullptr;
}

const Elf64_Phdr* elf_file::find_segment(unsigned type) const noexcept {
  for (const Elf64_Phdr& one : segments_) {
    if (one.p_type == type) return &one;
  }
  return nullptr;
}

bool elf_file::is_static() const noexcept {
  if (has_interpreter() || !dynamic_.needed.empty()) return false;
  return is_executable_type() || (dynamic_.more_flags & DF_1_PIE) != 0;
}

std::uint64_t elf_file::thread_bytes() const noexcept {
  const Elf64_Phdr* const own = find_segment(PT_TLS);
  return own != nullptr ? own->p_memsz : 0;
}

bool elf_file::has_address(std::uint64_t address) const noexcept {
  for (const Elf64_Phdr& one : segments_) {
    if (one.p_type == PT_LOAD && address >= one.p_vaddr && address - one.p_vaddr < one.p_filesz) {
      return true;
    }
  }
  return false;
}

bytes elf_file::at_address(std::uint64_t address, const char* what) const {
  for (const Elf64_Phdr& one : segments_) {
    if (one.p_type != PT_LOAD || address < one.p_vaddr) continue;
    const std::uint64_t inside = address - one.p_vaddr;
    if (inside >= one.p_filesz) continue;
    return content().part(one.p_offset + inside, one.p_filesz - inside, what);
  }
  throw bad_file(std::string(what) + " lies in no segment that is loaded: the file is damaged");
}

}  // namespace weft_audit
