# frozen_string_literal: true

# This gem as a testee: spec/testee.md says what it is asked.
#
#   hyperglyph-conformance run -- ruby ruby/testee.rb

$LOAD_PATH.unshift(File.join(__dir__, "lib"))

require "json"
require "hyperglyph"
require_relative "testee/typed"

# Answers a request, a parsed line, with what shall be the answer's members.
class Testee
  # Roles beside the codec, and the file and class of each.
  ROLES = { "server" => "ServerRole", "client" => "ClientRole" }.freeze

  def initialize
    @roles = {}
    ROLES.each do |role, name|
      file = File.join(__dir__, "testee", "#{role}.rb")
      next unless File.exist?(file)

      begin
        require file
      rescue LoadError => e
        warn "not in the role of a #{role}: #{e.message}"
        next
      end
      @roles[role] = Object.const_get(name).new
    end
  end

  def answer(request)
    case request["cmd"]
    when "start"
      { implementation: "hyperglyph (the gem)", language: "Ruby #{RUBY_VERSION}", version: Hyperglyph::VERSION,
        roles: ["codec", *@roles.keys] }
    when "decode" then decode(request)
    when "canonical" then encode(request["value"], true)
    when "encode" then encode(request["value"], false)
    when "build" then encode(request["value"], true, built: true)
    when "serve" then @roles.fetch("server").serve(request)
    when "perform", "urls", "request" then @roles.fetch("client").public_send(request["cmd"], request)
    when "stop"
      @roles["server"]&.stop
      { stopped: true }
    else { skipped: "there is no #{request['cmd']}" }
    end
  rescue StandardError => e
    { errored: e.full_message(highlight: false) }
  end

  private

  def decode(request)
    decoder = Hyperglyph::Codec::Decoder.new
    wire = [request["wire"]].pack("H*")
    sizes = request["pieces"] || [[wire.bytesize, 1].max]
    from = index = 0
    while from < wire.bytesize
      size = sizes[[index, sizes.size - 1].min]
      decoder.feed(wire.byteslice(from, size))
      from += size
      index += 1
    end
    { value: Typed.describe(decoder.finish) }
  rescue Hyperglyph::Codec::DecodeError => e
    { fault: e.kind, at: e.offset, message: e.message }
  end

  def encode(typed, canonical, built: false)
    value = Typed.build(typed)
    value = as_users_do(value) if built
    { wire: Hyperglyph::Codec.encode(value, canonical: canonical).unpack1("H*") }
  rescue Typed::Unsupported => e
    { skipped: "Ruby cannot hold #{e.message}" }
  rescue Hyperglyph::Codec::EncodeError, ArgumentError, RangeError => e
    { fault: :unencodable, message: e.message }
  end

  # The same value, its extensions built by what users are given, which judges them.
  def as_users_do(value)
    case value
    when Array then value.map { |item| as_users_do(item) }
    when Hash then value.dup.transform_values! { |member| as_users_do(member) }
    when Hyperglyph::Extension
      Hyperglyph::Extension.new(value.name, as_users_do(value.attributes), as_users_do(value.content))
    else value
    end
  end
end

if $PROGRAM_NAME == __FILE__
  $stdout.sync = true
  $stdin.set_encoding(Encoding::UTF_8)
  testee = Testee.new
  while (line = $stdin.gets)
    request = JSON.parse(line, max_nesting: false)
    answer = { seq: request["seq"] }.merge(testee.answer(request))
    $stdout.puts(JSON.generate(answer, max_nesting: 0))
    break if request["cmd"] == "stop"
  end
end
