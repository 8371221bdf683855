# frozen_string_literal: true

require_relative "version"
require_relative "codec"
require_relative "http/headers"
require_relative "http/forms"
require_relative "http/url"
require_relative "http/deadline"
require_relative "client/errors"
require_relative "client/address"
require_relative "client/attributes"
require_relative "client/adapter"
require_relative "client/credentials"
require_relative "client/page"
require_relative "client/callables"
require_relative "client/resource"
require_relative "client/binding"
require_relative "client/outgoing"
require_relative "client/envelope"
require_relative "client/exchange"
require_relative "client/answer"
require_relative "client/sequence"

module Hyperglyph
  # Fetches pages, and calls what is on them.
  #
  #   root = Hyperglyph.get("http://127.0.0.1:8080/")
  #   root.hello("Bob")                    # a form is called, by position or by name
  #   counter = root.Counter(start: 3)     # a resource
  #   counter.add(5).value
  #
  # A client may be shared by threads. It keeps connections open, and no cookies.
  class Client
    # Seconds that a call may take, redirects included, if nothing else is said.
    TIMEOUT = 30

    attr_reader :timeout, :limits, :adapter, :credentials, :method_override

    # origins::          origins that are trusted like that of the first URL: headers go there, and bodies may be
    #                    redirected there
    # authorization::    the Authorization for them
    # headers::          other headers for them; Accept, User-Agent, traceparent and X-Request-Id go everywhere
    # credentials::      headers by origin: { "https://b.example" => { "Authorization" => "..." } }
    # timeout::          seconds for each call; nil: no end
    # ca::               a path to certificates to trust for https, beside the system's
    # limits::           Limits for what an answer holds
    # method_override::  PUT, PATCH and DELETE go as POST with the header Method
    # private_addresses:: pages of public addresses may lead to others (REQ-URL-12)
    # addresses::        a rule of the user's own for what pages lead to: is called with each address, as text, and what it
    #                    gives false for is not connected to
    # adapter::          what sends requests, by `call(request)`: see client/adapter.rb
    #
    # ArgumentError for what cannot be.
    def initialize(origins: [], authorization: nil, headers: {}, credentials: {}, timeout: TIMEOUT, ca: nil, limits: nil,
                   method_override: false, private_addresses: false, addresses: nil, adapter: nil)
      unless timeout.nil? || (timeout.is_a?(Numeric) && timeout.positive?)
        raise ArgumentError, "timeout is a number of seconds above 0, or nil"
      end

      headers = headers.merge("Authorization" => authorization) if authorization
      @credentials = Credentials.new(origins, headers, credentials)
      @timeout = timeout
      @limits = limits || Limits::DEFAULT
      @method_override = method_override
      @private_addresses = private_addresses
      @addresses = addresses
      @adapter = adapter || Adapter.new(ca: ca)
    end

    # The client of Hyperglyph.get without options.
    def self.default
      DEFAULT_LOCK.synchronize { @default ||= new }
    end

    DEFAULT_LOCK = Mutex.new
    private_constant :DEFAULT_LOCK

    # What a GET of the URL gives: mostly a Resource. Raises an Error, see client/errors.rb.
    def get(url)
      url = url.to_s
      @credentials.asked(target(url).origin)
      perform(Call.new(method: "GET", url: url))
    end

    # Closes the connections that wait for their next call.
    def close
      @adapter.close if @adapter.respond_to?(:close)
    end

    # Carries out a Call, as Link#prepare and Form#prepare give it.
    def perform(call)
      Exchange.new(self, call).result
    end

    # The HTTP::URL::Target of a URL. Raises Unusable and Refused.
    def target(url)
      HTTP::URL.target(url)
    rescue HTTP::URL::Unfit => e
      raise (e.rule ? Refused : Unusable), e.message
    end

    # Raises Unusable or Refused for a URL that a page must not lead to (standard, section 15.2).
    def check(url, page)
      target = target(url)
      raise Refused, "a page that came by https may not lead to http" if page.secure? && !target.secure?
      return unless public_only?(page) && Address.of_host(target.host) == false

      raise Refused, "a page of a public address may not lead to #{target.host}, which is not public"
    end

    # Whether what follows from a page must stay at public addresses.
    def public_only?(page)
      !page.nil? && page.public? && !@private_addresses
    end

    # Which addresses may be connected to for what stands on a page: nil for all, as for what the user asks for.
    def permit(page)
      return if page.nil? || !(public_only?(page) || @addresses)

      ->(address) { (!public_only?(page) || Address.public?(address)) && (@addresses.nil? || @addresses.call(address)) }
    end

    class << self
      # Where a resource, link or form leads, absolute; nil if nowhere.
      def url(proxy)
        proxy.is_a?(Resource) ? proxy.__hyperglyph__.url : proxy.url
      end

      # The names of a resource's members that are known without asking, sorted.
      def members(resource)
        resource.__hyperglyph__.names
      end

      # The label of a resource, mostly the name of its class; nil if it has none.
      def label(resource)
        resource.__hyperglyph__.label("name")
      end

      def profile(resource)
        resource.__hyperglyph__.label("profile")
      end

      # What is said about a resource, link or form, for people.
      def doc(proxy)
        proxy.is_a?(Resource) ? proxy.__hyperglyph__.label("doc") : proxy.doc
      end

      # The resource as it is now, fetched anew. Unusable for one without a url.
      def reload(resource)
        resource.__hyperglyph__.reload
      end
    end
  end
end
