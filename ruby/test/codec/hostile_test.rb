# frozen_string_literal: true

require_relative "../helper"
require_relative "../hostile"

class HostileTest < Minitest::Test
  SEED = Integer(ENV["SEED"] || 2012)

  def test_mutations_leave_only_errors_of_the_codec
    hostile = Hostile.new(SEED).run(20_000)
    assert_operator hostile.accepted, :>, 100
    assert_operator hostile.refused[:malformed], :>, 1_000
    assert_operator hostile.refused[:truncated], :>, 100
  end

  def test_noise
    random = Random.new(SEED)
    2_000.times do
      wire = random.bytes(random.rand(1..40))
      fault = Vectors.fault(wire)
      assert fault, wire.inspect
      assert_equal fault, Vectors.fault(wire, 1)
    end
  end

  def test_depth_is_a_limit_in_every_container
    { "L" => 100, "Di1;" => 400, "Ou1:a;" => 600, "S" => 100, "SL" => 100, "Xu1:x;D;" => 798,
      "Xu1:x;Du1:a;" => 600 }.each do |part, at|
      assert_equal ["limit", at], Vectors.fault(part * 200_000), part
    end
    blobs = (0...60).map { |id| "B#{id}:Du1:a;" }.join
    assert_equal ["limit", 5 * "B0:Du1:a;".size], Vectors.fault(blobs, limits: Hyperglyph::Limits.new(depth: 10))
  end

  # A Fiber has the smallest stack that there is.
  def test_depth_needs_no_stack_of_the_language
    limits = Hyperglyph::Limits.new(depth: 500)
    wire = "#{'L' * 250}#{'Ou1:a;' * 250}N;#{';' * 500}"
    assert_equal wire, Hyperglyph::Codec.encode(in_fiber { Hyperglyph::Codec.decode(wire, limits: limits) }, limits: limits)
    assert_equal ["limit", 500], Vectors.fault("L" * 501, limits: limits)
    ["L" * 100 + "N;", "Ou1:a;" * 100 + "N;", "Xu1:x;D;" * 99 + "N;", "S" * 100].each do |open|
      wire = open + ";" * 100
      wire = wire.chop if open.start_with?("X")
      assert_equal wire, in_fiber { Hyperglyph.dump(Hyperglyph.load(wire)) }
    end
  end

  # Of 30,000 keys. Each is compared with keys that nobody chose; a flood would take a thousand times as long.
  FLOODS = {
    "multiples of a power of two" => ->(number) { "i#{number << 32};" },
    "multiples of 2 ** 61 - 1" => ->(number) { "i#{number * ((1 << 61) - 1)};" },
    "multiples of 2 ** 64" => ->(number) { "i#{number << 64};" },
    "negative integers" => ->(number) { "i-#{number};" },
    "whole floats" => ->(number) { "f#{number}.0;" },
    "floats with one exponent" => ->(number) { format("f0x1.%013xp+0;", number << 20) },
    "bytearrays" => ->(number) { "b8:#{[number].pack('Q>')};" },
    "times" => ->(number) { "d2020-01-01T00:00:00.#{format('%06d', number)}Z;" },
    "lists" => ->(number) { "Li#{number};i-#{number};;" },
    "sets" => ->(number) { "Si#{number};i-#{number};;" },
    "one list, and one more" => ->(number) { "L#{'N;' * 10}i#{number};;" }
  }.freeze

  FLOODS.each do |name, spell|
    define_method("test_flood_of_#{name.tr(' ', '_')}") do
      plain = cpu(set(->(number) { "u8:#{format('%08d', number)};" }))
      assert_operator cpu(set(spell)), :<, 30 * plain
    end
  end

  def test_a_set_in_sets_is_hashed_once
    inner = "S#{(1..50_000).map { |number| "i#{number};" }.join};"
    assert_operator cpu("#{'S' * 99}#{inner}#{';' * 99}"), :<, 10 * cpu(inner)
  end

  def test_time_is_linear_in_what_means_nothing
    # Each of them was, or could be, quadratic: no end in sight, empty texts before a far colon, spaces.
    wires = {
      "open literals" => ->(size) { "i#{'1' * size}" },
      "empty texts" => ->(size) { "L#{'u;' * (size / 2)}u1:a;;" },
      "empty chunks" => ->(size) { "B0:D;;#{'c0:0:;' * (size / 6)}c0;" },
      "a length without end" => ->(size) { "u#{'0' * size}" },
      "spaces" => ->(size) { "L#{'N; ' * (size / 3)};" }
    }
    limits = Hyperglyph::Limits.new(white_space: 10**9)
    wires.each do |name, make|
      small, large = [100_000, 1_600_000].map { |size| cpu(make.call(size), limits) }
      assert_operator large, :<, 16 * 5 * [small, 0.001].max, name
    end
  end

  def test_octet_by_octet_is_linear_too
    wire = "b1000000:#{'x' * 1_000_000};"
    times = [10, 1].map do |parts|
      from = Process.clock_gettime(Process::CLOCK_PROCESS_CPUTIME_ID)
      Vectors.decode("b#{1_000_000 / parts}:#{'x' * (1_000_000 / parts)};", 1)
      Process.clock_gettime(Process::CLOCK_PROCESS_CPUTIME_ID) - from
    end
    assert_operator times[1], :<, 50 * times[0]
    assert_equal 1_000_000, Vectors.decode(wire, 7).bytesize
  end

  def test_what_is_declared_and_does_not_come_costs_nothing
    before = GC.stat(:malloc_increase_bytes)
    decoder = Hyperglyph::Codec::Decoder.new
    decoder.feed("Lb30000000:abc")
    assert_operator GC.stat(:malloc_increase_bytes) - before, :<, 1_000_000
    assert_equal ["truncated", 14], Vectors.fault("Lb30000000:abc")
    assert_equal ["limit", 1], Vectors.fault("Lb9999999999:abc")
  end

  private

  def in_fiber(&block)
    Fiber.new(&block).resume
  end

  def set(spell)
    "S#{(1..30_000).map(&spell).join};".b
  end

  # Seconds of CPU; a fault is as good as a value.
  def cpu(wire, limits = nil)
    from = Process.clock_gettime(Process::CLOCK_PROCESS_CPUTIME_ID)
    begin
      Hyperglyph::Codec.decode(wire, limits: limits)
    rescue Hyperglyph::Codec::DecodeError
      nil
    end
    Process.clock_gettime(Process::CLOCK_PROCESS_CPUTIME_ID) - from
  end
end
